"""A report as one HTML file that opens anywhere: its pictures inside it, nothing loaded from elsewhere."""

import base64
import html
import mimetypes
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 1200px; margin: 2em auto;
  padding: 0 1em }
table { display: block; overflow-x: auto; border-collapse: collapse; margin: 1em 0 }
th, td { border: 1px solid #d1d9e0; padding: 4px 10px; white-space: nowrap; font-variant-numeric: tabular-nums }
th, tbody tr:nth-child(even) { background: #f6f8fa }
img { max-width: 100%; height: auto }
code { background: #f6f8fa; padding: 1px 4px }
""".strip()


def html_page(markdown: str, *, title: str, folder: Path) -> str:
    """A whole HTML document of `markdown` (paragraphs, tables, images); equal input gives equal text.

    Images are files relative to `folder` and become data URIs. HTML within the markdown is shown as text.

    Raises:
        FileNotFoundError: an image is not there.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for image in (child for token in tokens for child in token.children or [] if child.type == "image"):
        image.attrs["src"] = _data_uri(folder / unquote(str(image.attrs["src"])))
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _data_uri(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
