"""Line drawings of photos: black lines (0) on white (255), uint8 RGB (H, W, 3), like the pix2pix authors' edge sets."""

import cv2
import numpy as np
from cv2.typing import MatLike

from pix2pix.config.drawings import CannyEdges, DifferenceOfGaussians, DoodleEdges, Drawing, Edges, RedrawnEdges
from pix2pix.files.images import Uint8

# square root of the tone: a step between two blacks (door and window of a black car) equals one between two whites
TONES = np.rint(255 * np.sqrt(np.arange(256) / 255)).astype(np.uint8)
RATIO = 1.6  # of two Gaussians whose difference is close to a Laplacian (Marr and Hildreth 1980)


def manners(edges: Edges, split: str) -> list[Drawing]:
    """In which manners a photo of a split is drawn: in one, but in several for training where edges are redrawn."""
    if not isinstance(edges, RedrawnEdges):
        return [edges]
    return [edges.drawings[name] for name in sorted(edges.drawings)] if split == "train" else [edges.kept_out]


def draw(image: Uint8, coverage: Uint8, drawing: Drawing) -> Uint8:
    """The object's lines in one manner; `image` and `coverage` as of `doodle`."""
    match drawing:
        case CannyEdges():
            return canny(image, blur_sigma=drawing.blur_sigma, low=drawing.low, high=drawing.high)
        case DoodleEdges():
            return doodle(
                image,
                coverage,
                smoothing=drawing.smoothing,
                low=drawing.low,
                high=drawing.high,
                min_length=drawing.min_length,
                width=drawing.width,
            )
        case DifferenceOfGaussians():
            return difference_of_gaussians(image, sigma=drawing.sigma, threshold=drawing.threshold)


def canny(image: Uint8, *, blur_sigma: float, low: int, high: int) -> Uint8:
    """Every edge, one pixel wide.

    Args:
        image: uint8 RGB (H, W, 3).
        blur_sigma: Gaussian blur before the edges, pixels; 0 for none.
        low, high: hysteresis thresholds on the L2 gradient of the grey image (cv2.Canny's).
    """
    grey: MatLike = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if blur_sigma > 0:
        grey = cv2.GaussianBlur(grey, (0, 0), blur_sigma)
    return _black_on_white(cv2.Canny(grey, low, high, L2gradient=True))


def doodle(
    image: Uint8, coverage: Uint8, *, smoothing: float, low: int, high: int, min_length: int, width: int
) -> Uint8:
    """Few bold lines, as a hand would draw them: the object's outline, closed, and its longest inner edges.

    Args:
        image: uint8 RGB (H, W, 3), the object on white.
        coverage: uint8 (H, W), how much of each pixel the object covers, 0..255.
        smoothing: radius of the median filter that flattens details but keeps edges, rounded to pixels; 0 for none.
        low, high: hysteresis thresholds on the L2 gradient of the strongest channel (cv2.Canny's).
        min_length: lines of fewer pixels are left out; of the outline the longest part always stays.
        width: pen width, pixels.
    """
    window = 2 * round(smoothing) + 1
    flat = cv2.medianBlur(cv2.medianBlur(image, window), window)  # twice: straightens what once leaves of details
    inner = cv2.Canny(cv2.GaussianBlur(cv2.LUT(flat, TONES), (0, 0), 1.0), low, high, L2gradient=True)

    _, solid = cv2.threshold(cv2.medianBlur(coverage, window), 127, 255, cv2.THRESH_BINARY)
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # inner lines keep a pen's width away from the outline, or it would be drawn twice
    inner[cv2.erode(solid, np.ones((2 * width + 1, 2 * width + 1), np.uint8)) == 0] = 0

    lines = _without_short(inner, min_length)
    kept = [outline for outline in outlines if len(outline) >= min(min_length, max(map(len, outlines)))]
    cv2.drawContours(lines, kept, -1, 255, 1)
    return _black_on_white(cv2.dilate(lines, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))))


def difference_of_gaussians(image: Uint8, *, sigma: float, threshold: float) -> Uint8:
    """Dark lines, and the dark side of edges, in lines of varying width (Winnemoeller et al. 2012, without softening).

    Args:
        image: uint8 RGB (H, W, 3).
        sigma: of the inner Gaussian, pixels; the outer one is RATIO times as wide.
        threshold: a line is where the outer mean of TONES is above the inner one by more than this, of 255.
    """
    tones = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), TONES).astype(np.float32)
    inner, outer = (cv2.GaussianBlur(tones, (0, 0), width) for width in (sigma, RATIO * sigma))
    return _black_on_white(np.where(outer - inner > threshold, 255, 0).astype(np.uint8))


def _without_short(lines: MatLike, min_length: int) -> Uint8:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    keep = np.where(stats[:, cv2.CC_STAT_AREA] >= min_length, 255, 0).astype(np.uint8)
    keep[0] = 0  # the background
    return np.asarray(keep[labels], np.uint8)


def _black_on_white(lines: MatLike) -> Uint8:
    return np.asarray(cv2.cvtColor(cv2.bitwise_not(lines), cv2.COLOR_GRAY2RGB), np.uint8)
