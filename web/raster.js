// @ts-check
/**
 * A square drawing as pixels with hard edges, so that every pixel of a label map is of one class.
 * A colour is a number 0xAABBGGRR: the bytes R, G, B, A of canvas pixels on a little-endian machine.
 */

export const SIDE = 512; // pixels of the drawing; a network of more reads its own size

/** @param {string} hex #rrggbb */
export function colourOf(hex) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

/** @param {number} side @param {number} colour */
export function blank(side, colour) {
  return new Uint32Array(side * side).fill(colour);
}

/** @param {Uint32Array} pixels */
export function imageOf(pixels) {
  const side = Math.sqrt(pixels.length);
  return new ImageData(new Uint8ClampedArray(pixels.slice().buffer), side, side);
}

/**
 * A line with round ends; a dot where both ends are one point.
 * @param {Uint32Array} pixels
 * @param {{x: number, y: number}} from @param {{x: number, y: number}} to
 * @param {number} width @param {number} colour
 */
export function line(pixels, from, to, width, colour) {
  const side = Math.sqrt(pixels.length);
  const radius = width / 2;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const first = (/** @type {number} */ a, /** @type {number} */ b) => Math.max(0, Math.floor(Math.min(a, b) - radius));
  const last = (/** @type {number} */ a, /** @type {number} */ b) => Math.min(side, Math.ceil(Math.max(a, b) + radius));
  for (let y = first(from.y, to.y); y < last(from.y, to.y); y++) {
    for (let x = first(from.x, to.x); x < last(from.x, to.x); x++) {
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y]; // from the centre of the pixel
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius) pixels[y * side + x] = colour;
    }
  }
}

/**
 * @param {Uint32Array} pixels
 * @param {{x: number, y: number}} from @param {{x: number, y: number}} to opposite corners
 * @param {number} colour
 */
export function rectangle(pixels, from, to, colour) {
  const side = Math.sqrt(pixels.length);
  const [left, right] = [from.x, to.x].sort((a, b) => a - b).map(Math.round);
  const [top, bottom] = [from.y, to.y].sort((a, b) => a - b).map(Math.round);
  for (let y = Math.max(0, top); y < Math.min(side, bottom); y++) {
    pixels.fill(colour, y * side + Math.max(0, left), y * side + Math.max(0, Math.min(side, right)));
  }
}

/**
 * Colours the area of one colour around a point.
 * @param {Uint32Array} pixels @param {{x: number, y: number}} at @param {number} colour
 */
export function fill(pixels, at, colour) {
  const side = Math.sqrt(pixels.length);
  const start = Math.floor(at.y) * side + Math.floor(at.x);
  const old = pixels[start];
  if (old === colour || old === undefined) return;
  const open = [start];
  pixels[start] = colour;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const x = next % side;
    const around = [next - side, next + side, ...(x > 0 ? [next - 1] : []), ...(x < side - 1 ? [next + 1] : [])];
    for (const i of around) {
      if (pixels[i] === old) {
        pixels[i] = colour;
        open.push(i);
      }
    }
  }
}

/**
 * What the network sees: the mean of each square of pixels, RGBA of size x size.
 * @param {Uint32Array} pixels @param {number} size a divisor of the drawing's side
 */
export function reduced(pixels, size) {
  const side = Math.sqrt(pixels.length);
  const step = side / size;
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const out = new Uint8ClampedArray(4 * size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0;
        for (let j = 0; j < step; j++) {
          for (let i = 0; i < step; i++) sum += bytes[4 * ((y * step + j) * side + x * step + i) + channel];
        }
        out[4 * (y * size + x) + channel] = sum / (step * step);
      }
    }
  }
  return out;
}

/**
 * Gives every pixel the nearest of some colours; the share of pixels that were far from all of them.
 * @param {Uint32Array} pixels @param {number[]} colours
 */
export function snap(pixels, colours) {
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const known = colours.map((colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]);
  let far = 0;
  for (let i = 0; i < pixels.length; i++) {
    const distances = known.map((rgb) => rgb.reduce((sum, value, c) => sum + (value - bytes[4 * i + c]) ** 2, 0));
    const least = Math.min(...distances);
    if (least > 40 * 40) far += 1;
    pixels[i] = colours[distances.indexOf(least)];
  }
  return far / pixels.length;
}
