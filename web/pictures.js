// @ts-check
/** Pictures into the page and out of it. */

const LARGEST = { bytes: 25 * 2 ** 20, pixels: 50_000_000, side: 20_000 };

/**
 * A picture file, stretched to a square as the training data were: its pixels.
 * Rejects with one line where it is no picture, or too large a one.
 * @param {Blob} file @param {string} name @param {number} side @returns {Promise<Uint32Array>}
 */
export async function opened(file, name, side) {
  if (file.size > LARGEST.bytes) throw new Error(`${name} is too large: at most 25 MB are read here.`);
  const picture = new Image();
  const url = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      picture.onload = resolve;
      picture.onerror = () => reject(new Error(`${name} is not an image that this browser can read.`));
      picture.src = url;
    });
    const { naturalWidth: width, naturalHeight: height } = picture;
    if (width * height > LARGEST.pixels || Math.max(width, height) > LARGEST.side) {
      throw new Error(`${name} has ${width} × ${height} pixels, which is too many: at most 50 million are read here.`);
    }
    return part(picture, { x: 0, y: 0, width, height }, side);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * A part of a picture on white, stretched to a square; small ones are enlarged in whole pixels.
 * @param {CanvasImageSource} picture @param {{x: number, y: number, width: number, height: number}} area
 * @param {number} side
 */
export function part(picture, area, side) {
  const canvas = new OffscreenCanvas(side, side);
  const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  drawing.fillStyle = "#fff";
  drawing.fillRect(0, 0, side, side);
  drawing.imageSmoothingEnabled = side % area.width > 0 || side % area.height > 0;
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(picture, area.x, area.y, area.width, area.height, 0, 0, side, side);
  return new Uint32Array(drawing.getImageData(0, 0, side, side).data.buffer);
}

/** @param {HTMLCanvasElement | OffscreenCanvas} canvas @param {string} name */
export async function save(canvas, name) {
  /** @type {Blob} */
  const blob = await ("convertToBlob" in canvas
    ? canvas.convertToBlob()
    : new Promise((resolve) => canvas.toBlob((made) => resolve(/** @type {Blob} */ (made)))));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Drawing and result side by side, with a caption beneath.
 * @param {HTMLCanvasElement} drawing @param {HTMLCanvasElement} result @param {string} caption
 */
export function together(drawing, result, caption) {
  const [side, gap, foot] = [drawing.width, 16, 40];
  const canvas = new OffscreenCanvas(2 * side + 3 * gap, side + 2 * gap + foot);
  const picture = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  picture.fillStyle = "#fff";
  picture.fillRect(0, 0, canvas.width, canvas.height);
  picture.drawImage(drawing, gap, gap);
  picture.drawImage(result, side + 2 * gap, gap, side, side);
  picture.fillStyle = "#1f2328";
  picture.font = "18px system-ui, sans-serif";
  picture.fillText(caption, gap, side + 2 * gap + foot / 2, canvas.width - 2 * gap);
  return canvas;
}
