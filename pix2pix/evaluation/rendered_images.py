"""What `render` wrote of one experiment, beside the prepared pairs.

images/<split>/<id>.png are the generated images, which are scored; shown/<id>_source.png and shown/<id>_target.png the
sides of the few pairs that figures show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pix2pix.config.resolved import Experiment
from pix2pix.evaluation.result_files import Card
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import Uint8, read_image
from pix2pix.files.json_csv import read_json
from pix2pix.pairs.stitched import Pair, read_classes, read_pairs, read_sides


@dataclass(frozen=True)
class Rendered:
    """Direction, size and split are those of the card: what was rendered, whatever the configuration says by now."""

    folder: Path
    card: Card
    pairs: list[Pair]

    def sides(self, pair: Pair) -> tuple[Uint8, Uint8]:
        """Source and target (size, size, 3)."""
        return read_sides(pair, direction=self.card.direction, size=self.card.recipe.size)

    def classes(self, pair: Pair, labels: str) -> Uint8:
        """The class map (size, size) of the label map in palette `labels`, whichever side is the target."""
        return read_classes(pair, labels, size=self.card.recipe.size)

    def image(self, pair: Pair) -> Uint8:
        """The generated image (size, size, 3).

        Raises:
            ValueError: not readable, or of another size.
        """
        path, size = self.folder / "images" / self.card.split / f"{pair.id}.png", self.card.recipe.size
        image = read_image(path)
        if image.shape != (size, size, 3):
            sizes = f"{image.shape[1]} x {image.shape[0]} pixels, its target {size} x {size}"
            raise ValueError(f"{path}: {sizes}; render again")
        return image


def is_current(row: Experiment) -> bool:
    """Whether a row of the incumbent, which no stage makes, is here, and of today's configuration."""
    path = Path("results", row.study, row.name, "card.json")
    if not path.exists():
        return False
    card = read_json(path, Card)
    try:
        row.check_weights(card)
    except ValueError:
        return False
    return card.split == row.split


def read_rendered(folder: Path, root: Path) -> Rendered:
    """The results in `folder`, whose name is the experiment's, of the prepared pairs in `root`.

    Raises:
        FileNotFoundError: nothing rendered.
        ValueError: card.json is broken, or the images are not exactly those of the split.
    """
    card = read_json(folder / "card.json", Card, made_by=f"python -m stages.render {folder.name}")
    images, pairs = folder / "images" / card.split, read_pairs(root, card.split)
    names = [image.name for image in list_images(images)] if images.is_dir() else []
    if sorted(names) != sorted(f"{pair.id}.png" for pair in pairs):
        raise ValueError(f"{images}: does not hold exactly the images of split '{card.split}'; render again")
    return Rendered(folder, card, pairs)


def read_shown(images: Path, shown: Path, ids: Sequence[str]) -> list[list[Uint8]]:
    """Source, generated image and target of each of `ids`, from the folders images/<split>/ and shown/."""
    return [
        [read_image(path) for path in (shown / f"{id}_source.png", images / f"{id}.png", shown / f"{id}_target.png")]
        for id in ids
    ]
