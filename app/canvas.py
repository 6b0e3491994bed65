"""What the canvas hands over: the finished drawing alone, read as strictly as a file.

Gradio's ImageEditor would decode as many layers as a request names, in any format that Pillow knows (EPS starts a
program).
"""

import math
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.image_editor import EditorData
from PIL import Image

from pix2pix.files.images import FORMATS, Uint8, read_image

LARGEST_PICTURE = 50_000_000  # pixels; about 1 GB while it is decoded
LONGEST_SIDE = 20_000  # pixels; Pillow scales the width first, and would make a thin line of that area very wide


def read_strictly() -> None:
    """From now on every canvas of this process is read as below."""
    # a subclass would be the plainer way, but Gradio writes a .pyi file beside the source of each
    gr.ImageEditor.preprocess = _preprocess  # type: ignore[method-assign, assignment]


def readable(file: Path) -> Uint8:
    """The picture in an uploaded file.

    Raises:
        gr.Error: it is none; one line with the file's name, which the page shows.
    """
    try:
        if _pixels(file) > LARGEST_PICTURE:
            raise ValueError(f"{file}: larger than {LARGEST_PICTURE} pixels, or {LONGEST_SIDE} along a side")
        return read_image(file)
    except (ValueError, OSError) as error:
        raise gr.Error(str(error).replace(str(file), file.name), print_exception=False) from None


def _pixels(file: Path) -> float:
    """How many the file claims; infinitely many where a side is too long, none where it is no picture."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            return image.width * image.height if max(image.size) <= LONGEST_SIDE else math.inf
    except Exception:  # `read_image` has the words for it
        return 0


def _preprocess(canvas: gr.ImageEditor, payload: EditorData | None) -> dict[str, Any]:
    drawing = readable(Path(payload.composite.path)) if payload and payload.composite else None
    return {"background": None, "layers": [], "composite": drawing}
