// @ts-check
/** Fetches runtime and network, then answers drawings, beside the page, which so never freezes. */
import { openGenerator } from "./generator.js";

/** @type {((pixels: Uint8ClampedArray) => Promise<Uint8ClampedArray>) | undefined} */
let generate;

/** @param {string} url @param {(bytes: number) => void} arrived */
async function fetched(url, arrived) {
  const answer = await fetch(new URL(url, import.meta.url)).catch(() => undefined);
  if (!answer?.ok || !answer.body) throw new Error(`${url} could not be loaded (${answer?.status ?? "no connection"}).`);
  const parts = [];
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    arrived(value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** @param {string} model @param {string} wasm */
async function load(model, wasm) {
  const arrived = (/** @type {number} */ bytes) => postMessage({ arrived: bytes });
  const [binary, file, ort] = await Promise.all([
    fetched(wasm, arrived),
    fetched(model, arrived),
    /** @type {Promise<import("./generator.js").Runtime>} */ (import(new URL("ort/ort.wasm.min.mjs", import.meta.url).href)),
  ]);
  ort.env.wasm.numThreads = 1; // more want headers that plain file servers do not send
  ort.env.wasm.wasmPaths = new URL("ort/", import.meta.url).href;
  ort.env.wasm.wasmBinary = binary;
  generate = await openGenerator(ort, file);
}

addEventListener("message", async ({ data }) => {
  try {
    if (data.model) {
      await load(data.model, data.wasm);
      postMessage({ ready: true });
    } else if (generate) {
      const start = performance.now();
      const pixels = await generate(data.pixels);
      postMessage({ pixels, milliseconds: performance.now() - start }, { transfer: [pixels.buffer] });
    }
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : `The network could not be run (${error}).` });
  }
});
