// @ts-check
/** The drawing page: a drawing, its tools, and the picture that a network makes of it. */
import { InPage, Served } from "./networks.js";
import { opened, part, save, together } from "./pictures.js";
import { SIDE, blank, colourOf, fill, imageOf, line, rectangle, reduced, snap } from "./raster.js";

/** @typedef {import("./networks.js").Model} Model @typedef {{x: number, y: number}} Point */

const STEPS = 40; // that undo goes back
const FAR = 0.4; // share of the pixels of an opened image whose colours may be none of a label map's
const TOOLS = { classes: ["rectangle", "brush", "fill"], lines: ["pen", "eraser"] };

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const button = (/** @type {string} */ id) => /** @type {HTMLButtonElement} */ (element(id));
const canvas = (/** @type {string} */ id) => /** @type {HTMLCanvasElement} */ (element(id));
const context = (/** @type {string} */ id) =>
  /** @type {CanvasRenderingContext2D} */ (canvas(id).getContext("2d", { willReadFrequently: true }));
const chosen = (/** @type {string} */ name) =>
  /** @type {HTMLInputElement | null} */ (document.querySelector(`input[name=${name}]:checked`))?.value ?? "";
const width = /** @type {HTMLInputElement} */ (element("width"));

/** @type {{networks: Model[], wasm: import("./networks.js").Wasm}} */
let offered;
/** @type {Model} */
let model;
/** @type {InPage | Served | undefined} */
let network;
/** @type {Uint32Array} */
let pixels = blank(SIDE, 0xffffffff);
/** @type {Uint32Array[]} */
let done = [];
/** @type {Uint32Array[]} */
let undone = [];
let changes = 0; // of the drawing, counted; the answer to the last one is shown
let answered = 0;
let failed = false; // what is said is an error, until the next change

function say(/** @type {string} */ text, error = false) {
  failed = error;
  element("status").textContent = text;
  element("status").classList.toggle("error", error);
}

const sorry = (/** @type {unknown} */ error) => say(error instanceof Error ? error.message : String(error), true);

// ---- the network

/** Asks for answers until the last change has one: those that came meanwhile share the last. */
async function answer() {
  const [asked, side] = [network, model.size];
  if (!asked || asked.busy) return;
  asked.busy = true;
  try {
    while (asked === network && answered < changes) {
      answered = changes;
      const { pixels: made, milliseconds } = await asked.answer(reduced(pixels, side));
      if (asked !== network) return;
      context("result").putImageData(new ImageData(new Uint8ClampedArray(made), side, side), 0, 0);
      const where = model.onnx ? "on this device" : "by the network on this machine";
      if (!failed) say(`Made ${where} in ${Math.round(milliseconds)} ms.`);
    }
  } catch (error) {
    if (asked === network) sorry(error);
  } finally {
    asked.busy = false;
    if (asked === network) {
      element("progress").hidden = true;
      element("output").ariaBusy = "false";
    }
  }
}

async function choose(/** @type {string} */ name) {
  model = offered.networks.find((one) => one.name === name) ?? offered.networks[0];
  network?.close();
  say(model.onnx ? "Loading the network…" : "Waiting for the network…");
  const bar = /** @type {HTMLProgressElement} */ (element("progress"));
  bar.value = 0;
  bar.hidden = !model.onnx;
  network = model.onnx ? new InPage(model, offered.wasm, (share) => (bar.value = share)) : new Served(model);
  history.replaceState(null, "", `#${model.name}`);
  /** @type {HTMLSelectElement} */ (element("model")).value = model.name;
  element("learned").textContent = model.learned;
  element("where").textContent = model.onnx
    ? "It runs on this device alone: your drawing is sent nowhere."
    : "It runs on this machine alone: your drawing goes to the program that serves this page, and nowhere else.";
  const rows = Object.entries(model.card).map(([key, value]) => {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, text.textContent] = [key, value];
    return [term, text];
  });
  element("card").replaceChildren(...rows.flat());
  canvas("result").width = canvas("result").height = model.size;
  layTools();
  [done, undone] = [[], []];
  pixels = empty();
  await takeExample(0);
}

// ---- tools

function layTools() {
  const classes = Object.entries(model.classes);
  const kinds = classes.length ? TOOLS.classes : TOOLS.lines;
  element("kinds").replaceChildren(...kinds.map((kind, i) => radio("kind", kind, kind, i === 0)));
  element("palette").hidden = classes.length === 0;
  const swatches = classes.map(([name, hex]) => {
    const label = radio("class", hex, name, name === model.first);
    const patch = document.createElement("i");
    patch.style.background = hex;
    label.prepend(patch);
    return label;
  });
  element("classes").replaceChildren(...swatches);
  setWidth();
}

function radio(/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ text, checked = false) {
  const [label, input] = [document.createElement("label"), document.createElement("input")];
  Object.assign(input, { type: "radio", name, value, checked });
  label.append(input, text);
  return label;
}

function setWidth() {
  /** @type {Record<string, number>} */
  const widths = { pen: model.pen, eraser: 32, brush: 24 };
  width.value = String(widths[chosen("kind")] ?? width.value);
  width.disabled = !(chosen("kind") in widths);
}

function ink() {
  if (chosen("kind") === "pen") return colourOf("#000000");
  return Object.keys(model.classes).length ? colourOf(chosen("class")) : colourOf("#ffffff");
}

const empty = () => blank(Math.max(SIDE, model.size), colourOf(model.classes[model.ground] ?? "#ffffff"));

// ---- the drawing

function show() {
  const side = Math.sqrt(pixels.length);
  if (canvas("drawing").width !== side) canvas("drawing").width = canvas("drawing").height = side;
  context("drawing").putImageData(imageOf(pixels), 0, 0);
  [button("undo").disabled, button("redo").disabled] = [done.length === 0, undone.length === 0];
  changes += 1;
  element("output").ariaBusy = "true";
  answer();
}

/** What was there before a change can be had again. */
function remember(before = pixels.slice()) {
  done = [...done.slice(1 - STEPS), before];
  undone = [];
  element("truth").hidden = true;
  if (failed) say("");
}

function back(/** @type {Uint32Array[]} */ from, /** @type {Uint32Array[]} */ to) {
  const before = from.pop();
  if (!before) return;
  to.push(pixels);
  pixels = before;
  show();
}

/** @type {{from: Point, last: Point, before: Uint32Array} | undefined} */
let stroke;

function begin(/** @type {Point} */ at) {
  const before = pixels.slice();
  remember(before);
  stroke = { from: at, last: at, before };
  if (chosen("kind") === "fill") fill(pixels, at, ink());
  move(at);
}

function move(/** @type {Point} */ at) {
  if (!stroke) return;
  if (chosen("kind") === "rectangle") {
    pixels.set(stroke.before);
    rectangle(pixels, stroke.from, at, ink());
  } else if (chosen("kind") !== "fill") {
    line(pixels, stroke.last, at, Number(width.value), ink());
  }
  stroke.last = at;
  show();
}

const end = () => (stroke = undefined);

async function put(/** @type {Promise<Uint32Array>} */ picture, /** @type {string} */ name) {
  try {
    const found = await picture;
    const colours = Object.values(model.classes).map(colourOf);
    if (colours.length && snap(found, colours) > FAR) {
      throw new Error(`${name} is no label map in the colours of this network, such as one saved from here.`);
    }
    remember();
    pixels = found;
    show();
  } catch (error) {
    sorry(error);
  }
}

const openFile = (/** @type {File | undefined} */ file) =>
  file && put(opened(file, file.name || "the pasted image", Math.max(SIDE, model.size)), file.name || "The pasted image");

/** An example of the network's data, with its truth beside it; without a number a random one. */
async function takeExample(number = Math.floor(Math.random() * (model.examples?.count ?? 0))) {
  const [asked, { examples, size }] = [model, model];
  if (!examples) return show();
  const row = new Image();
  row.src = examples.file;
  try {
    await row.decode();
  } catch {
    show();
    return say(`${examples.file} could not be loaded.`, true);
  }
  if (asked !== model) return; // another one was chosen meanwhile
  const area = { x: number * size, y: 0, width: size, height: size };
  remember();
  pixels = part(row, area, Math.max(SIDE, size));
  element("truth").hidden = !examples.truth;
  if (examples.truth) {
    canvas("target").width = canvas("target").height = size;
    context("target").drawImage(row, area.x, size, size, size, 0, 0, size, size);
  }
  show();
}

// ---- mouse, touch, pen

const sheet = canvas("drawing");

function point(/** @type {PointerEvent} */ event) {
  const box = sheet.getBoundingClientRect();
  const scale = sheet.width / box.width;
  return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
}

sheet.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button > 0) return;
  sheet.setPointerCapture(event.pointerId);
  element("cursor").hidden = true;
  begin(point(event));
});
sheet.addEventListener("pointermove", (event) => {
  if (!stroke || !event.isPrimary) return;
  const passed = event.getCoalescedEvents?.() ?? [];
  for (const one of passed.length ? passed : [event]) move(point(one));
});
for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) sheet.addEventListener(name, end);

// ---- keys

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @type {Point} */
let pen = { x: SIDE / 2, y: SIDE / 2 };

function showPen() {
  const cursor = element("cursor");
  cursor.hidden = false;
  cursor.classList.toggle("down", stroke !== undefined);
  [cursor.style.left, cursor.style.top] = [pen.x, pen.y].map((value) => `${(100 * value) / sheet.width}%`);
}

sheet.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (arrow) {
    const far = event.shiftKey ? 64 : 8;
    const [x, y] = [pen.x + far * arrow[0], pen.y + far * arrow[1]];
    pen = { x: Math.min(sheet.width - 1, Math.max(0, x)), y: Math.min(sheet.width - 1, Math.max(0, y)) };
    move(pen);
  } else if (event.key === " " || event.key === "Enter") {
    if (stroke) end();
    else begin(pen);
    if (chosen("kind") === "fill") end();
  } else {
    return;
  }
  event.preventDefault();
  showPen();
});
sheet.addEventListener("blur", () => {
  end();
  element("cursor").hidden = true;
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  const again = event.key === "y" || (event.shiftKey && event.key.toLowerCase() === "z");
  if (!again && event.key !== "z") return;
  event.preventDefault();
  if (again) back(undone, done);
  else back(done, undone);
});

// ---- buttons and files

button("undo").onclick = () => back(done, undone);
button("redo").onclick = () => back(undone, done);
button("clear").onclick = () => {
  remember();
  pixels = empty();
  show();
};
button("example").onclick = () => takeExample();
const file = /** @type {HTMLInputElement} */ (element("file"));
button("open").onclick = () => file.click();
file.onchange = () => {
  openFile(file.files?.[0]);
  file.value = "";
};
button("save_drawing").onclick = () => save(sheet, `${model.name}_drawing.png`);
button("save_result").onclick = () => save(canvas("result"), `${model.name}.png`);
button("save_both").onclick = () =>
  save(together(sheet, canvas("result"), `pix2pix, ${model.name}: ${model.learned}`), `${model.name}_both.png`);
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  openFile(event.dataTransfer?.files[0]);
});
addEventListener("paste", (event) => openFile(event.clipboardData?.files[0]));
element("tools").addEventListener("change", (event) => {
  if (/** @type {HTMLInputElement} */ (event.target).name === "kind") setWidth();
});
element("tools").addEventListener("submit", (event) => event.preventDefault());
element("model").onchange = () => choose(/** @type {HTMLSelectElement} */ (element("model")).value).catch(sorry);

// ---- start

async function start() {
  const listed = await fetch("models.json").catch(() => undefined);
  if (!listed?.ok) {
    const said = listed?.headers.get("content-type")?.startsWith("text/plain") ? await listed.text() : "";
    throw new Error(said || "The list of networks, models.json, could not be loaded.");
  }
  offered = await listed.json();
  element("model").replaceChildren(...offered.networks.map(({ name }) => new Option(name.replaceAll("_", " "), name)));
  await choose(location.hash.slice(1));
}

start().catch(sorry);
