"""Laws of any case: hypothesis draws it, the same cases every time; a few in `make test`, thousands in `make soak`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2pix.files.images import Uint8
from tests.support.soaks import Soak

seeds = st.integers(0, 2**32 - 1)


def of_any(soak: Soak, short: int, full: int, **cases: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Decorator: call the law with `short` draws of `cases`, or `full` of them; what fails is shrunk and printed."""
    rounds = soak.rounds(short, full)

    def check(law: Callable[..., None]) -> None:
        fixed = settings(
            max_examples=rounds, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        fixed(given(**cases)(law))()
        soak.counts["cases"] = rounds

    return check


def contents(kind: str, seed: int, height: int, width: int) -> Uint8:
    """An image (height, width, 3) of the ways in which pixels may lie; a function of its arguments."""
    draw = np.random.default_rng(seed)
    size = (height, width, 3)
    match kind:
        case "black" | "white":
            return np.full(size, 255 * (kind == "white"), np.uint8)
        case "flat":
            return np.broadcast_to(draw.integers(0, 256, 3, np.uint8), size).copy()
        case "black and white":
            return 255 * draw.integers(0, 2, size, np.uint8)
        case "slope":
            steps = np.linspace(draw.integers(0, 100), draw.integers(150, 256), height * width * 3)
            return steps.reshape(size).astype(np.uint8)
        case "white with holes":
            return np.where(draw.random((height, width, 1)) < 0.4, draw.integers(0, 256, size, np.uint8), np.uint8(255))
        case _:
            return draw.integers(0, 256, size, np.uint8)


KINDS = ["noise", "black", "white", "flat", "black and white", "slope", "white with holes"]


def images(height: int, width: int) -> st.SearchStrategy[Uint8]:
    return st.builds(contents, st.sampled_from(KINDS), seeds, st.just(height), st.just(width))


@st.composite
def image_pairs(draw: st.DrawFn, *, least: int = 1, most: int = 48) -> tuple[Uint8, Uint8]:
    """Two images of one size, sides of `least` to `most`; at times equal, or but for one step of one value."""
    height, width = draw(st.integers(least, most)), draw(st.integers(least, most))
    image = draw(images(height, width))
    match draw(st.sampled_from(["other", "other", "other", "equal", "one step"])):
        case "equal":
            return image, image.copy()
        case "one step":
            other = image.copy()
            other[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1)), draw(st.integers(0, 2))] ^= 1
            return image, other
        case _:
            return image, draw(images(height, width))
