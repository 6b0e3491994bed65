// @ts-check
/**
 * A network that answers drawings: one in this page, by a worker, or one of the program that serves the page.
 * @typedef {object} Model what models.json tells of a network
 * @property {string} name
 * @property {number} size side of its images, pixels
 * @property {string} [onnx] its file, where it runs in the page
 * @property {number} [bytes] of that file
 * @property {string} [address] where drawings are posted to, where it does not
 * @property {Record<string, string>} classes name -> #rrggbb; empty where it reads line drawings or photos
 * @property {string} ground the class of an empty drawing
 * @property {string} first the class to begin with
 * @property {number} pen width of a line on a drawing of 512 pixels
 * @property {{file: string, count: number, truth: boolean} | null} examples a row of inputs, and beneath it the truth
 * @property {string} learned one sentence
 * @property {Record<string, string>} card
 * @typedef {{file: string, bytes: number}} Wasm
 * @typedef {{pixels: Uint8ClampedArray, milliseconds: number}} Answer
 */

/** A network in this page. `loaded` is called with shares of 1. */
export class InPage {
  /** @param {Model} model @param {Wasm} wasm @param {(share: number) => void} loaded */
  constructor(model, wasm, loaded) {
    this.busy = false;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    /** @type {{resolve: (answer: any) => void, reject: (error: Error) => void} | undefined} */
    this.waiting = undefined;
    const total = wasm.bytes + (model.bytes ?? 0);
    let arrived = 0;
    this.worker.addEventListener("message", ({ data }) => {
      if (data.arrived) loaded((arrived += data.arrived) / total);
      else if (data.error) this.waiting?.reject(new Error(data.error));
      else this.waiting?.resolve(data);
    });
    this.worker.addEventListener("error", () => this.waiting?.reject(new Error("The network could not be started.")));
    this.ready =
      typeof WebAssembly === "undefined"
        ? Promise.reject(new Error("This browser has no WebAssembly, which the network needs: please try another one."))
        : this.told({ model: model.onnx, wasm: wasm.file });
    this.ready.catch(() => {}); // whoever asks is told
  }

  /** @param {object} message @returns {Promise<any>} */
  told(message) {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.worker.postMessage(message);
    });
  }

  /** @param {Uint8ClampedArray} pixels RGBA @returns {Promise<Answer>} */
  async answer(pixels) {
    await this.ready;
    return this.told({ pixels });
  }

  close() {
    this.worker.terminate();
  }
}

/** A network of the program that serves this page: RGB bytes there, RGB bytes back. */
export class Served {
  /** @param {Model} model */
  constructor(model) {
    this.busy = false;
    this.address = model.address ?? "";
  }

  /** @param {Uint8ClampedArray} pixels RGBA @returns {Promise<Answer>} */
  async answer(pixels) {
    const start = performance.now();
    const body = pixels.filter((_, i) => i % 4 < 3);
    const headers = { "Content-Type": "application/octet-stream" };
    const reply = await fetch(this.address, { method: "POST", headers, body }).catch(() => undefined);
    if (!reply) throw new Error("The program that serves this page has ended: start it again with `make app`.");
    if (!reply.ok) throw new Error(await reply.text());
    const rgb = new Uint8ClampedArray(await reply.arrayBuffer());
    const out = pixels.map((_, i) => (i % 4 < 3 ? rgb[Math.floor(i / 4) * 3 + (i % 4)] : 255));
    return { pixels: out, milliseconds: performance.now() - start };
  }

  close() {}
}
