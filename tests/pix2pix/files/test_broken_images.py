"""Laws of images without one meaning: refused by name, in little memory, in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pix2pix.files.images import read_image
from tests.support.broken_images import MEGABYTES, REFUSED, SOFT, huge
from tests.support.image_cases import encoded
from tests.support.memory import peak
from tests.support.repository import REPO

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of metadata, as the door of the verbs does


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_one_meaning_is_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    path, (content, says) = tmp_path / "x.png", REFUSED[kind]
    path.write_bytes(content())
    before = peak()
    with pytest.raises(ValueError, match=says) as refused:
        read_image(path)
    assert str(refused.value).startswith(f"{path}: not a readable image (") and "\n" not in str(refused.value)
    assert peak() - before < MEGABYTES


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.mkdir()
    with pytest.raises(ValueError, match=r"x\.png: not a file$"):
        read_image(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"x\.png: not a file$"):
        read_image(path)
    path.unlink()
    path.symlink_to("nothing")
    with pytest.raises(FileNotFoundError, match=r"x\.png: no such file$"):
        read_image(path)


def test_the_command_line_says_it_in_one_line_and_little_memory(tmp_path: Path) -> None:
    """With an address space of 3 GB; a damaged TIFF also makes Pillow warn."""
    shutil.copy(REPO / "params.yaml", tmp_path)
    path = tmp_path / "data/raw/facades/train/1.png"
    path.parent.mkdir(parents=True)
    script = f"ulimit -v 3000000; exec {sys.executable} -m stages.prepare facades"
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OPENBLAS_NUM_THREADS": "1"}
    for content in (huge("JPEG", 9_999), encoded(Image.fromarray(SOFT), "TIFF")[:-70]):
        path.write_bytes(content)
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("error: data/raw/facades/train/1.png: not a readable image (")
