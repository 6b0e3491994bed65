"""Laws of cutting a car out: a mask that leaves a doubt is refused by name, the others put the car on white."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2pix.files.images import Uint8, read_image
from pix2pix.pairs.carvana import cut_out
from pix2pix.toydata.cars import draw_car
from tests.support.image_cases import encoded, frames, mask, with_palette

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's about metadata, as every verb does

BLACK_WHITE = [0, 0, 0, 255, 255, 255]
BLOCK: Uint8 = np.pad(np.ones((16, 16), np.uint8), 8)
RAMP = (BLOCK * np.arange(32)).astype(np.uint8)
MASKS = {
    "animated": (frames("GIF"), "not a readable GIF .several frames"),
    "greys": (mask(RAMP, [v for v in range(32) for _ in range(3)]), "holds 17 colours; a mask is black and one other"),
    "transparent": (mask(BLOCK, BLACK_WHITE, transparency=1), "holds transparent pixels that are not black"),
    "empty": (mask(BLOCK * 0, BLACK_WHITE), "the mask is empty"),
    "another size": (mask(BLOCK[1:], BLACK_WHITE), "is 32 x 31 pixels, but its photo .* 32 x 32"),
    "a PNG": (encoded(255 * BLOCK, "PNG"), "not a readable GIF"),
}


def write(folder: Path, photo: Uint8, mask: bytes) -> tuple[Path, Path]:
    files = folder / "a_01.jpg", folder / "a_01_mask.gif"
    Image.fromarray(photo).save(files[0], quality=98, subsampling=0)
    files[1].write_bytes(mask)
    return files


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_that_leaves_a_doubt_is_refused(tmp_path: Path, kind: str) -> None:
    content, says = MASKS[kind]
    files = write(tmp_path, np.full((32, 32, 3), 100, np.uint8), content)
    with pytest.raises(ValueError, match=f"^{files[1]}: {says}"):
        cut_out(*files, size=32)


def test_a_rotated_photo_is_refused(tmp_path: Path) -> None:
    files = write(tmp_path, np.full((32, 32, 3), 100, np.uint8), mask(BLOCK, BLACK_WHITE))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(files[0]).save(files[0], exif=exif)
    with pytest.raises(ValueError, match=rf"^{files[0]}: has an EXIF rotation \(6\)"):
        cut_out(*files, size=32)


@pytest.mark.parametrize("palette", [BLACK_WHITE, [0, 0, 0, 1, 0, 0], [0, 0, 0, 7, 7, 7, 0, 0, 0, 7, 7, 7]])
def test_the_car_is_where_the_mask_is_not_black(tmp_path: Path, palette: list[int]) -> None:
    """Whatever its other colour is, and also where several indices have the same colour."""
    indices = BLOCK.copy()
    if len(palette) == 12:
        indices[:16] += 2
    files = write(tmp_path, np.full((32, 32, 3), 100, np.uint8), encoded(with_palette(indices, palette), "GIF"))
    image, coverage = cut_out(*files, size=32)
    np.testing.assert_array_equal(coverage, 255 * BLOCK)
    np.testing.assert_array_equal(image, np.where(BLOCK[..., None] > 0, [100, 100, 100], 255))


@pytest.mark.parametrize("size", [128, 256])
def test_reduced_scale_is_close_to_full_scale(tmp_path: Path, size: int) -> None:
    """The photo is 1918 pixels wide, as Carvana's, so that the last block of its JPEG is incomplete."""
    photo, car = (cv2.resize(image, (1918, 1280)) for image in draw_car(car=1, view=3, size=640))
    files = write(tmp_path, np.asarray(photo, np.uint8), mask(np.asarray(car, np.uint8), BLACK_WHITE))
    image, coverage = cut_out(*files, size=size)
    on_white = np.where(car[..., None] > 0, read_image(files[0]).astype(np.float32), 255)
    difference = image - cv2.resize(on_white, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(difference).mean() < 0.8
    assert 10 * np.log10(255**2 / np.square(difference).mean()) > 36
    full = cv2.resize(255 * car.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(coverage - full).mean() < 0.5


def test_the_studio_does_not_reach_the_outline(tmp_path: Path) -> None:
    _, car = draw_car(car=0, view=2, size=192)
    green = np.where(car[..., None] > 0, (200, 0, 0), (0, 200, 0)).astype(np.uint8)
    image, coverage = cut_out(*write(tmp_path, green, mask(car, BLACK_WHITE)), size=100)
    assert (image[coverage == 0] == 255).all()
    assert np.abs(image[..., 1].astype(int) - image[..., 2]).max() < 12  # red and white only: green equals blue
