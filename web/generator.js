// @ts-check
/**
 * A generator as an ONNX file, run by ONNX Runtime for the web; the same in a worker and in node.
 * Its weights may be stored in 8 bits: they become float32 once, when the file is opened.
 * @typedef {typeof import("onnxruntime-web/wasm")} Runtime
 */

/**
 * @param {Runtime} ort @param {Uint8Array} model the ONNX file
 * @returns {Promise<(pixels: Uint8ClampedArray) => Promise<Uint8ClampedArray>>} RGBA of a square -> RGBA, opaque
 */
export async function openGenerator(ort, model) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    extra: { session: { disable_quant_qdq: "1" } }, // else the weights would be multiplied again for each drawing
  });
  return async (pixels) => {
    const size = Math.sqrt(pixels.length / 4);
    const source = new Float32Array(3 * size * size);
    for (let i = 0; i < size * size; i++) {
      for (let c = 0; c < 3; c++) source[c * size * size + i] = pixels[4 * i + c] / 127.5 - 1;
    }
    const given = new ort.Tensor("float32", source, [1, 3, size, size]);
    const { generated } = await session.run({ source: given });
    const values = /** @type {Float32Array} */ (generated.data);
    const out = new Uint8ClampedArray(pixels.length).fill(255);
    for (let i = 0; i < size * size; i++) {
      for (let c = 0; c < 3; c++) out[4 * i + c] = (values[c * size * size + i] + 1) * 127.5; // rounds and clamps
    }
    return out;
  };
}
