"""Laws of masks: what leaves a doubt is refused by name, the rest cuts the car out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.files.images import Uint8
from pix2pix.pairs.carvana import Photo, cut_out
from tests.support.broken_images import frames
from tests.support.image_cases import encoded, mask

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of metadata, as the door of the verbs does

BLOCK: Uint8 = np.pad(np.ones((16, 24), np.uint8), 8)
RAMP = (BLOCK * np.arange(40)).astype(np.uint8)
MASKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "animated": (lambda: frames("GIF"), "several frames"),
    "greys": (lambda: mask(RAMP, [v for v in range(40) for _ in range(3)]), "holds .* colours"),
    "alpha": (lambda: mask(BLOCK, [0, 0, 0, 255, 255, 255], transparency=1), "transparent"),
    "empty": (lambda: mask(BLOCK * 0, [0, 0, 0, 255, 255, 255]), "empty"),
    "another size": (lambda: mask(BLOCK[1:], [0, 0, 0, 255, 255, 255]), "40 x 31 pixels"),
    "a PNG": (lambda: encoded(Image.fromarray(255 * BLOCK), "PNG"), "not a readable GIF"),
    "the photo": (lambda: encoded(Image.fromarray(np.dstack([RAMP] * 3)), "JPEG"), "not a readable GIF"),
}  # fmt: skip


def car(folder: Path, mask: bytes, photo: Uint8) -> Photo:
    found = Photo("a_01", "a", folder / "train/a_01.jpg", folder / "train_masks/a_01_mask.gif")
    for path, content in ((found.image, encoded(Image.fromarray(photo), "JPEG", quality=100)), (found.mask, mask)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return found


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_that_leaves_a_doubt_is_refused(tmp_path: Path, kind: str) -> None:
    content, says = MASKS[kind]
    photo = car(tmp_path, content(), np.full((32, 40, 3), 100, np.uint8))
    with pytest.raises(ValueError, match=says) as refused:
        cut_out(photo, size=32)
    assert str(refused.value).startswith(f"{photo.mask}: ")


@pytest.mark.parametrize("palette", [[0, 0, 0, 255, 255, 255], [0, 0, 0, 1, 0, 0], [0, 0, 0, 200, 10, 10]])
def test_whatever_white_is_the_car_is_where_the_mask_is_not_black(tmp_path: Path, palette: list[int]) -> None:
    image, coverage = cut_out(
        car(tmp_path, mask(BLOCK[:, 4:36], palette), np.full((32, 32, 3), 100, np.uint8)), size=32
    )
    np.testing.assert_array_equal(coverage, 255 * BLOCK[:, 4:36])
    np.testing.assert_array_equal(image, np.where(BLOCK[:, 4:36, None] > 0, [100, 100, 100], 255))
