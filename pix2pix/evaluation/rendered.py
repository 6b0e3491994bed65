"""What `render` left of one experiment: <folder>/card.json and <folder>/images/<split>/<id>.png, beside their pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2pix.files.checked import Wanted, read_object
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import Uint8, read_image
from pix2pix.pairs.stitched import SPLITS, Pair, read_classes, read_pairs, read_sides

CARD: dict[str, Wanted] = {
    "dataset": str,
    "direction": ("AtoB", "BtoA"),
    "split": SPLITS,
    "recipe": {"size": int},
}


@dataclass(frozen=True)
class Rendered:
    """Direction, size and split are those of the card: what was rendered, not what params.yaml says by now."""

    folder: Path
    card: dict[str, Any]
    pairs: list[Pair]

    @property
    def size(self) -> int:
        return int(self.card["recipe"]["size"])

    def sides(self, pair: Pair) -> tuple[Uint8, Uint8]:
        """Source and target (size, size, 3)."""
        return read_sides(pair, direction=self.card["direction"], size=self.size)

    def classes(self, pair: Pair, labels: str) -> Uint8:
        """The class map (size, size) of the label map in palette `labels`, whichever side is the target."""
        return read_classes(pair, labels, size=self.size)

    def image(self, pair: Pair) -> Uint8:
        """What was generated, (size, size, 3).

        Raises:
            ValueError: not readable, or of another size.
        """
        path = self.folder / "images" / self.card["split"] / f"{pair.id}.png"
        image = read_image(path)
        if image.shape != (self.size, self.size, 3):
            sizes = f"{image.shape[1]} x {image.shape[0]} pixels, its target {self.size} x {self.size}"
            raise ValueError(f"{path}: {sizes}; render again")
        return image


def read_rendered(folder: Path, root: Path) -> Rendered:
    """The results in `folder` of the experiment of its name, on the prepared pairs in `root`.

    Raises:
        FileNotFoundError: nothing rendered.
        ValueError: card.json is broken, or the images are not exactly those of the split.
    """
    path = folder / "card.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: not rendered yet; run `python -m stages.render {folder.name}` first")
    card = read_object(path, CARD)
    images, pairs = folder / "images" / card["split"], read_pairs(root, card["split"])
    names = [image.name for image in list_images(images)] if images.is_dir() else []
    if sorted(names) != sorted(f"{pair.id}.png" for pair in pairs):
        raise ValueError(f"{images}: does not hold exactly the images of split '{card['split']}'; render again")
    return Rendered(folder, card, pairs)
