// node generate.mjs SITE MODEL.onnx: RGBA squares of 64 x 64 from stdin -> what the page's generator makes of each
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [site, model] = process.argv.slice(2).map((path) => resolve(path));
const ort = await import(pathToFileURL(`${site}/ort/ort.wasm.min.mjs`).href);
const { openGenerator } = await import(pathToFileURL(`${site}/generator.js`).href);
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = readFileSync(`${site}/ort/ort-wasm-simd-threaded.wasm`);
const generate = await openGenerator(ort, readFileSync(model));
const given = readFileSync(0);
const bytes = 4 * 64 * 64;
const made = [];
for (let i = 0; i < given.length; i += bytes) {
  const answer = await generate(new Uint8ClampedArray(given.subarray(i, i + bytes)));
  made.push(Buffer.from(answer.buffer));
}
writeFileSync(1, Buffer.concat(made));
