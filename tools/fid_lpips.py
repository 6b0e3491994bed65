"""FID, KID and LPIPS of an experiment's rendered images, for machines that have, or can fetch, the networks' weights.

    python -m tools.fid_lpips facades [--weights FILE | --epoch N]

*Reads* the images that `render` left and the held-out pairs. *Writes* results/<study>/<experiment>/perceptual.json: n,
fid and kid, with the ends of its interval (torch-fidelity's Inception features, between the n images and their n
targets), and lpips (AlexNet, version 0.1; mean over pairs). Outside the graph: no stage makes it. The FID of a few
hundred images is biased upwards; compare it only between experiments with the same targets. KID is unbiased.
"""

import argparse
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.evaluation.result_files import Card, Perceptual
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.images import read_image, write_png
from pix2pix.files.json_csv import read_json, write_json
from pix2pix.files.weights_choice import add_weights_options, chosen_weights
from pix2pix.pairs.stitched import Pair, read_pairs, read_sides

INCEPTION = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
ALEXNET = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"


def perceptual(experiment: Experiment, weights_file: Path | None = None) -> Perceptual:
    """Score the rendered images of an experiment and publish perceptual.json; or what other weights of it make of the
    same pairs, in perceptual_<the file's name>.json.

    Raises:
        ValueError, FileNotFoundError: not rendered yet, or weights that cannot be had.
    """
    folder = Path("results", experiment.study, experiment.name)
    card = read_json(folder / "card.json", Card, made_by=f"python -m stages.render {experiment.name}")
    inception, _ = weights(INCEPTION), weights(ALEXNET)  # both, before the work
    pairs, images = read_pairs(Path("data/pairs", experiment.dataset_name), card.split), folder / "images" / card.split
    with TemporaryDirectory() as name, TemporaryDirectory() as folder_of_made:
        targets = Path(name)
        for pair in pairs:
            target = read_sides(pair, direction=card.direction, size=card.recipe.size)[1]
            write_png(targets / f"{pair.id}.png", target)
        if weights_file:
            images = Path(folder_of_made)
            card = _make(images, weights_file, pairs, card)
        distances = inception_distances(images, targets, count=len(pairs), inception=inception) | {
            "lpips": mean_lpips(images, targets, ids=[pair.id for pair in pairs]),
        }
    scores = Perceptual(card=card, n=len(pairs), **distances)
    write_json(folder / f"perceptual{f'_{weights_file.stem}' if weights_file else ''}.json", scores)
    return scores


def _make(images: Path, weights_file: Path, pairs: Sequence[Pair], card: Card) -> Card:
    """Translate the sources of the pairs by other weights, into a folder; the card of these images."""
    from pix2pix.machine.hardware import use_hardware
    from pix2pix.networks.inference import load_trained

    trained = load_trained(weights_file, use_hardware().device)
    for pair in pairs:
        source, _ = read_sides(pair, direction=card.direction, size=card.recipe.size)
        write_png(images / f"{pair.id}.png", trained.generate(source, id=pair.id))
    return Card(**dict(trained.metadata), split=card.split, n=card.n, shown=[])


def weights(address: str) -> Path:
    """Where torch hub keeps the file of `address`; fetched (DATA_MIRROR first) if it is not there yet.

    Raises:
        FileNotFoundError: nobody gave it; one line that says which file must lie where.
        ValueError: it holds more than tensors: unpickled, it could run a program.
    """
    import torch

    from pix2pix.raw.http import fetch

    path = Path(torch.hub.get_dir(), "checkpoints", address.rpartition("/")[2])
    if not path.exists():
        mirror = os.environ.get("DATA_MIRROR") or None
        try:
            found = fetch(path.name, official=address, mirror=mirror, cache=Path("scratch/downloads"))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}, or put the file of {address} at {path} yourself") from None
        with whole_file(path) as partial:
            shutil.copyfile(found, partial)
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, by what the file is
        raise ValueError(f"{path}: not a file of weights alone ({type(error).__name__}); remove it") from None
    return path


def inception_distances(images: Path, targets: Path, *, count: int, inception: Path) -> dict[str, float]:
    """FID and KID between two folders of `count` images each, and the 95 % interval of KID.

    KID is the mean over 100 subsets of half of the images. The standard deviation over halves drawn without replacement
    is the standard error of the whole (the delete-half jackknife).
    """
    import torch_fidelity

    from pix2pix.machine.hardware import use_hardware

    scores = torch_fidelity.calculate_metrics(
        input1=str(images),
        input2=str(targets),
        fid=True,
        kid=True,
        kid_subset_size=max(count // 2, 2),
        feature_extractor_weights_path=str(inception),
        cuda=use_hardware().device.type == "cuda",
        save_cpu_ram=True,  # reads the images in this process
        verbose=False,
    )
    kid, error = (float(scores[f"kernel_inception_distance_{what}"]) for what in ("mean", "std"))
    interval = {"kid_low": kid - 1.96 * error, "kid_high": kid + 1.96 * error}
    return {"fid": float(scores["frechet_inception_distance"]), "kid": kid} | interval


def mean_lpips(images: Path, targets: Path, *, ids: list[str]) -> float:
    """Mean LPIPS of the images with these ids in two folders: 0 for equal images, more for less alike ones."""
    import lpips
    import torch

    with warnings.catch_warnings():  # lpips asks torchvision in words that it has given up
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        network = lpips.LPIPS(net="alex", verbose=False)
    with torch.inference_mode():
        distances = [
            network(*(lpips.im2tensor(read_image(folder / f"{id}.png")) for folder in (images, targets))).item()
            for id in ids
        ]
    return float(sum(distances) / len(distances))


def main() -> None:
    parser = argparse.ArgumentParser(description="FID, KID and LPIPS of an experiment's rendered images.")
    parser.add_argument("experiment")
    add_weights_options(parser)
    given = parser.parse_args()
    experiment = read_configuration().row(given.experiment)
    scores = perceptual(experiment, chosen_weights(experiment.name, given))
    values = scores.values
    print(f"FID {values['fid']:.2f}, KID {values['kid']:.4f}, LPIPS {values['lpips']:.4f}, n = {scores.n}")


if __name__ == "__main__":
    run(main)
