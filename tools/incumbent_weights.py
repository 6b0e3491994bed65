"""U-Nets of pytorch-CycleGAN-and-pix2pix, read and written: `latest_net_G.pth` to an experiment of ours, and back.

    python -m tools.incumbent_weights read checkpoints/mine/latest_net_G.pth theirs --dataset facades --direction BtoA
    python -m tools.incumbent_weights write facades latest_net_G.pth

read    Size, channels and norm come from the shapes of the tensors; nothing in the file is executed. With
        latest_net_D.pth beside it the discriminator is read, too. It writes the weights beside the file
        (.safetensors), config/studies/NAME.yaml and its line in dvc.yaml: an experiment of no epoch that begins from
        them, for pictures, scores, ONNX, the page, and other experiments' `init`.
write   A file for their `--netG unet_256` (or _128). Ours has biases that theirs lacks with batch norm: weights with
        such need `--norm instance`, with affine=True in `get_norm_layer` of their models/networks.py; a line says so.

Norms use the statistics of each image, as theirs do at batch size 1. Dropout at inference is off in what is read:
theirs sits one decoder block farther out.
"""

import argparse
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import check_name, read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.weights_choice import add_weights_options, chosen_weights
from tools.new import listed, write

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]
NOT_READ = "U-Nets from RGB to RGB with batch or instance norm alone are read (netG unet_128, unet_256), no ResNets"

STUDY = """\
# yaml-language-server: $schema=../schema.json
studies:
  {name}:
    title: '{name}: networks of pytorch-CycleGAN-and-pix2pix'
    split: val
experiments:
  {name}:
    study: {name}
    dataset: {dataset}
    direction: {direction}
    model: pix2pix
    recipe: paper
    seed: 0
    init: {{file: '{file}', sha256: '{sha256}'}}
    set: {changes}
  {name}_mean: {{study: {name}, dataset: {dataset}, direction: {direction}, model: mean, recipe: paper, seed: 0, set: {{size: {size}, load_size: {size}}}}}
"""  # noqa: E501


def layers(depth: int) -> Iterator[tuple[str, str]]:
    """Their layer and ours, without `.weight` and `.bias`: of a U-Net of `depth` layers each way."""
    yield from (("model.model.0", "down.0.conv"), ("model.model.3", f"up.{depth - 1}.conv"))
    block = "model.model.1.model"
    for i in range(1, depth):
        places = ("1", "2", "5", "6") if i < depth - 1 else ("1", "", "3", "4")
        up = f"up.{depth - 1 - i}"
        for place, own in zip(places, (f"down.{i}.conv", f"down.{i}.norm", f"{up}.conv", f"{up}.norm"), strict=True):
            if place:
                yield f"{block}.{place}", own
        block += ".3.model"


def generator_of(theirs: Tensors) -> Tensors:
    """Our generator's tensors. Raises ValueError for another network than NOT_READ says."""
    import torch

    depth = sum(key.endswith(".weight") and tensor.ndim == 4 for key, tensor in theirs.items()) // 2
    first, last = theirs.get("model.model.0.weight"), theirs.get("model.model.3.weight")
    norms = "model.model.1.model.2.weight" in theirs or "model.model.1.model.1.bias" in theirs
    if first is None or last is None or first.shape[1] != 3 or last.shape[1] != 3 or not norms or depth < 6:
        raise ValueError(NOT_READ)
    tensors: Tensors = {}
    for place, own in layers(depth):
        if own.endswith("norm"):
            before = tensors[own.replace("norm", "conv.weight")]
            channels = before.shape[0] if own.startswith("down") else before.shape[1]
            tensors[f"{own}.weight"] = theirs.get(f"{place}.weight", torch.ones(channels))
            tensors[f"{own}.bias"] = theirs.get(f"{place}.bias", torch.zeros(channels))
            continue
        tensors[f"{own}.weight"] = _swapped(own, theirs[f"{place}.weight"])
        if own in ("down.0.conv", f"down.{depth - 1}.conv", f"up.{depth - 1}.conv"):  # others are of no effect: norms
            tensors[f"{own}.bias"] = theirs.get(f"{place}.bias", torch.zeros(tensors[f"{own}.weight"].shape[0]))
    return {f"generator.{key}": tensor.float().contiguous() for key, tensor in tensors.items()}


def incumbent_of(ours: Tensors) -> tuple[Tensors, bool]:
    """Their tensors, and whether their batch norm can hold them: else they are of instance norm with affine=True."""
    import torch

    own = {key.removeprefix("generator."): tensor for key, tensor in ours.items() if key.startswith("generator.")}
    depth = len({key.split(".")[1] for key in own if key.startswith("up.")})
    batch = not any(own[f"down.{i}.conv.bias"].any() for i in (0, depth - 1))
    theirs: Tensors = {}
    for place, name in layers(depth):
        weight, last = own[f"{name}.weight"], name == f"up.{depth - 1}.conv"
        channels = weight.shape[1] if name.startswith("up") and weight.ndim == 4 else weight.shape[0]
        theirs[f"{place}.weight"] = _swapped(name, weight)
        if name.endswith("norm") or last or not batch:
            theirs[f"{place}.bias"] = own.get(f"{name}.bias", torch.zeros(channels))
        if name.endswith("norm") and batch:
            unused = {"mean": torch.zeros(channels), "var": torch.ones(channels)}  # by their inference
            theirs |= {f"{place}.running_{key}": tensor for key, tensor in unused.items()}
            theirs[f"{place}.num_batches_tracked"] = torch.tensor(0)
    return theirs, batch


def _swapped(layer: str, weight: "Tensor") -> "Tensor":
    """Their decoder's convolutions read the skip's channels first, ours last; the innermost one has no skip."""
    skip = layer.startswith("up") and layer.endswith("conv") and layer != "up.0.conv"
    return weight.roll(len(weight) // 2, 0) if skip else weight


def discriminator_of(theirs: Tensors) -> Tensors:
    """Our discriminator's tensors of their PatchGAN with batch norm; none of another one."""
    own = {f"discriminator.layers.{key.removeprefix('model.')}": tensor.float() for key, tensor in theirs.items()}
    known = "model.3.weight" in theirs and "model.3.running_mean" in theirs  # the first batch norm
    return {key: tensor for key, tensor in own.items() if known and key.endswith((".weight", ".bias"))}


def read(path: Path, name: str, dataset: str, direction: str) -> None:
    """Write the weights of `path` as ours, and the entries of an experiment of them.

    Raises:
        ValueError, FileNotFoundError: no such file, or one that holds other than NOT_READ says; the name is taken.
    """
    from pix2pix.networks.weights import save_tensors

    configuration = read_configuration()
    check_name("NAME", name)
    if file := configuration.files.get(("experiments", name)):
        raise ValueError(f"{file} has experiments.{name} already; take another name")
    theirs = _load(path)
    try:
        tensors = generator_of(theirs)
    except (KeyError, ValueError):
        raise ValueError(f"{path}: {NOT_READ}") from None
    beside = path.with_name(path.name.replace("_net_G", "_net_D"))
    discriminator = discriminator_of(_load(beside)) if beside != path and beside.is_file() else {}
    channels = tensors["generator.down.0.conv.weight"].shape[0]
    size = 2 ** sum(key.endswith("conv.weight") and ".up." in key for key in tensors)
    changes = f"{{epochs: 0, size: {size}, load_size: {size}, generator_channels: {channels}, inference_dropout: false"
    if discriminator:
        width = discriminator["discriminator.layers.0.weight"].shape[0]
        strided = sum(tensor.ndim == 4 for tensor in discriminator.values()) - 2
        changes += f", discriminator_channels: {width}, discriminator_layers: {strided}, keep_discriminator: true"
    out = path.with_suffix(".safetensors")
    said = {"name": name, "dataset": dataset, "direction": direction, "size": size, "changes": changes + "}"}
    made = YAML(typ="safe").load(STUDY.format(**said, file=out, sha256="0" * 64))
    sections = {key: configuration.sections[key] | made.get(key, {}) for key in configuration.sections}
    experiment = dataclasses.replace(Configuration(sections).experiment(name), name="incumbent")
    save_tensors(out, tensors | discriminator, experiment.metadata(precision="fp32", epoch=0, step=0))
    sha256 = hashlib.sha256(out.read_bytes()).hexdigest()
    graph = Path("dvc.yaml")
    study = STUDY.format(**said, file=out, sha256=sha256)
    write(name, {Path(f"config/studies/{name}.yaml"): study, graph: listed(graph, name)})
    print(f"{path}: U-Net of {size} px, {channels} channels{', and its discriminator' * bool(discriminator)}; {out}")
    print(f"next: .venv/bin/dvc repro report@{name}, or python -m stages.train {name} and python -m app.page {name}")


def write_theirs(weights: Path, out: Path) -> None:
    """Write the generator of a weights file of ours as `out`.

    Raises:
        ValueError, FileNotFoundError: no such file, or a network that theirs is not: other skips, head or layers.
    """
    import torch

    from pix2pix.config.models import Pix2Pix
    from pix2pix.networks.inference import load_trained

    trained = load_trained(weights, torch.device("cpu"))
    model = trained.metadata.model
    plain = isinstance(model, Pix2Pix) and (model.skips, model.head, model.decoder) == (True, "tanh", "transposed")
    if not plain or (isinstance(model, Pix2Pix) and model.source_classes):
        raise ValueError(f"{weights}: theirs is a U-Net with skips, tanh and transposed convolutions on RGB alone")
    ours = {f"generator.{key}": tensor.contiguous() for key, tensor in trained.generator.state_dict().items()}
    theirs, batch = incumbent_of(ours)
    with whole_file(out) as partial:
        torch.save(theirs, partial)
    size, channels = trained.metadata.recipe.size, ours["generator.down.0.conv.weight"].shape[0]
    norm = "batch" if batch else "instance, with affine=True in get_norm_layer of models/networks.py"
    print(f"{out}: --netG unet_{size} --ngf {channels} --norm {norm}")


def _load(path: Path) -> Tensors:
    """The tensors of their file; nothing in it is executed."""
    import torch

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        return {str(key).removeprefix("module."): tensor for key, tensor in found.items()}
    except Exception as error:  # of many kinds, by what the file is
        raise ValueError(f"{path}: not a file of weights alone ({type(error).__name__})") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    reading = verbs.add_parser("read", help="their file to an experiment of ours")
    reading.add_argument("file", type=Path)
    reading.add_argument("name", help="of the new experiment and study")
    reading.add_argument("--dataset", required=True, help="an entry of config/datasets.yaml")
    reading.add_argument("--direction", choices=("AtoB", "BtoA"), default="AtoB", help="as it was trained")
    writing = verbs.add_parser("write", help="weights of ours to their file")
    writing.add_argument("experiment")
    writing.add_argument("file", type=Path)
    add_weights_options(writing)
    given = parser.parse_args()
    if given.verb == "read":
        read(given.file, given.name, given.dataset, given.direction)
    else:
        last = Path("models", given.experiment, "last.safetensors")
        write_theirs(chosen_weights(given.experiment, given) or last, given.file)


if __name__ == "__main__":
    run(main)
