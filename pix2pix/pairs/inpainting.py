"""Inpainting pairs from plain photos: A with a hole in its centre, B whole (Pathak et al. 2016, Context Encoders)."""

from pix2pix.files.images import Uint8, resize

FILL = (117, 104, 123)  # RGB; the authors' code fills the hole with it, near the mean colour of ImageNet


def cut_hole(photo: Uint8, *, size: int, hole: int) -> tuple[Uint8, Uint8]:
    """A and B, each (size, size, 3): the photo's central square, resized; A with a central square of FILL, `hole` wide.

    Outside of the hole A equals B; nothing of the hole's content is left in A. `size - hole` must be even.
    """
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    b = resize(photo[top : top + side, left : left + side], width=size, height=size)
    a = b.copy()
    edge = (size - hole) // 2
    a[edge : edge + hole, edge : edge + hole] = FILL
    return a, b
