"""FID and LPIPS of an experiment's rendered images, for machines that have, or can fetch, the networks' weights.

    python -m tools.fid_lpips facades

*Reads* the images that `render` left and the held-out pairs. *Writes* results/<study>/<experiment>/perceptual.json: n,
fid (torch-fidelity's Inception features, between the n images and their n targets) and lpips (AlexNet, version 0.1;
mean over pairs). Outside the graph: no stage reads it. The FID of a few hundred images is biased upwards; compare it
only between experiments with the same targets.
"""

import argparse
import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.evaluation.result_files import Card, Perceptual
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.images import Uint8, read_image
from pix2pix.files.json_csv import read_json, write_json
from pix2pix.pairs.stitched import read_pairs, read_sides

if TYPE_CHECKING:
    import torch
    from torch import Tensor

INCEPTION = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
ALEXNET = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"


def perceptual(experiment: Experiment) -> Perceptual:
    """Score the rendered images of an experiment and publish perceptual.json.

    Raises:
        ValueError, FileNotFoundError: not rendered yet, or weights that cannot be had.
    """
    folder = Path("results", experiment.study, experiment.name)
    card = read_json(folder / "card.json", Card, made_by=f"python -m stages.render {experiment.name}")
    from pix2pix.machine.hardware import use_hardware

    inception, _ = weights(INCEPTION), weights(ALEXNET)  # both, before the work
    device = use_hardware().device
    pairs = read_pairs(Path("data/pairs", experiment.dataset_name), card.split)
    images = _tensor([read_image(folder / "images" / card.split / f"{pair.id}.png") for pair in pairs])
    targets = _tensor([read_sides(pair, direction=card.direction, size=card.recipe.size)[1] for pair in pairs])
    distances = {
        "fid": fid(images, targets, inception=inception, device=device),
        "lpips": float(lpips_of_pairs(images, targets, device=device).mean()),
    }
    scores = Perceptual(card=card, n=len(pairs), **distances)
    write_json(folder / "perceptual.json", scores)
    return scores


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


def fid(generated: "Tensor", wanted: "Tensor", *, inception: Path, device: "torch.device") -> float:
    """Fréchet Inception distance between two sets of images, each uint8 (N, 3, H, W)."""
    import torch_fidelity
    from torch.utils.data import Dataset

    class Images(Dataset["Tensor"]):
        """One tensor an item, as torch-fidelity wants them."""

        def __init__(self, images: "Tensor") -> None:
            self.images = images

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, index: int) -> "Tensor":
            return self.images[index]

    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # torch-fidelity would unpickle whatever the file holds
    scores = torch_fidelity.calculate_metrics(
        input1=Images(generated),
        input2=Images(wanted),
        fid=True,
        feature_extractor_weights_path=str(inception),
        cuda=device.type == "cuda",
        save_cpu_ram=True,  # in this process: the images are in memory
        verbose=False,
    )
    return float(scores["frechet_inception_distance"])


def lpips_of_pairs(generated: "Tensor", wanted: "Tensor", *, device: "torch.device") -> "Tensor":
    """LPIPS (N,) of images uint8 (N, 3, H, W), pair by pair: 0 for equal images, more for less alike ones."""
    import lpips
    import torch

    from pix2pix.networks.layers import to_network

    with warnings.catch_warnings():  # lpips asks torchvision in words that it has given up
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        network = lpips.LPIPS(net="alex", verbose=False).to(device)
    with torch.inference_mode():
        distances = [
            network(to_network(a[None].to(device)), to_network(b[None].to(device))).flatten().cpu()
            for a, b in zip(generated, wanted, strict=True)
        ]
    return torch.cat(distances)


def _tensor(images: list[Uint8]) -> "Tensor":
    import torch

    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description="FID and LPIPS of an experiment's rendered images.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    scores = perceptual(read_configuration().experiment(name))
    print(f"FID {scores.values['fid']:.2f}, LPIPS {scores.values['lpips']:.4f}, n = {scores.n}")


if __name__ == "__main__":
    run(main)
