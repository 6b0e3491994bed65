"""What a request hands over as a picture: the finished drawing or an uploaded file, decoded as strictly as any file.

Gradio's ImageEditor would decode as many layers as a request names, in every format that Pillow knows; one of them,
EPS, starts a program.
"""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.image_editor import EditorData
from PIL import Image

from pix2pix.files.images import FORMATS, Uint8, read_image
from pix2pix.pairs.palettes import check_label_map

MAX_PIXELS = 50_000_000  # about 1 GB while it is decoded
MAX_SIDE = 20_000  # pixels; Pillow scales the width first, which would make a thin line of that area very wide


def read_strictly() -> None:
    """From now on every canvas of this process is decoded by `readable`."""
    # a subclass would be plainer, but Gradio writes a .pyi file beside the source of each
    gr.ImageEditor.preprocess = _preprocess  # type: ignore[method-assign, assignment]


def readable(file: Path, labels: str | None = None) -> Uint8:
    """The picture in an uploaded file; with `labels`, a palette, a label map in its colours.

    Raises:
        gr.Error: there is none; one line with the file's name, which the page shows.
    """
    try:
        if _too_large(file):
            raise ValueError(f"{file}: larger than {MAX_PIXELS} pixels, or {MAX_SIDE} along a side")
        image = read_image(file)
        if labels:
            check_label_map(image, labels, file)
        return image
    except (ValueError, OSError) as error:
        raise gr.Error(str(error).replace(str(file), file.name), print_exception=False) from None


def _too_large(file: Path) -> bool:
    try:
        with Image.open(file, formats=FORMATS) as image:
            return image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE
    except Exception:  # not a picture: `read_image` says so
        return False


def _preprocess(canvas: gr.ImageEditor, payload: EditorData | None) -> dict[str, Any]:
    drawing = readable(Path(payload.composite.path)) if payload and payload.composite else None
    return {"background": None, "layers": [], "composite": drawing}
