"""Export an experiment's generator to ONNX, for programs without PyTorch, and prove that it answers as PyTorch does.

    python -m tools.onnx_export facades_small [--weights FILE | --epoch N]

The graph takes `source` (N, 3, size, size) float32 in [-1, 1], any N, and gives `generated`, the same shape. Norms use
the statistics of each image, computed when it runs; dropout is off, also where `render` leaves it on. The check is on
20 held-out images against PyTorch in float32. With --eight-bits the weights are stored in 8 bits, a quarter of the
size; then the answers must be within 40 dB (PSNR) of PyTorch's. The file carries `metadata`, that of the weights, and
`parity`, the check's result, both JSON.
"""

import argparse
import copy
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.weights_choice import add_weights_options, chosen_weights
from pix2pix.pairs.stitched import read_pairs, read_sides
from tools.onnx_storage import CONSTANT_FOLDING, in_eight_bits

if TYPE_CHECKING:
    import onnx
    from torch import nn

IMAGES = 20  # that the check compares
TOLERANCE = 1e-4  # of images in [-1, 1]
LEAST_PSNR = 40.0  # dB, of the worst image, where weights are stored in 8 bits

Float = NDArray[np.float32]


def onnx_export(
    experiment: Experiment, out: Path, weights: Path | None = None, *, eight_bits: bool = False
) -> dict[str, float]:
    """Write the generator of an experiment, by its last weights or a file's, to `out`.

    Returns how well it agrees with PyTorch on the images, as it stands in the file.

    A network of classes is written with its logits (N, K, H, W); the metadata (model.classes) name the palette.

    Raises:
        ValueError, FileNotFoundError: no weights or pairs, or the graph differs from PyTorch by more than
            TOLERANCE, in 8 bits by less than LEAST_PSNR (then no file is left).
    """
    import onnx
    import torch

    from pix2pix.networks.class_colours import Coloured
    from pix2pix.networks.inference import load_trained

    name = experiment.name
    trained = load_trained(weights or Path("models", name, "last.safetensors"), torch.device("cpu"))
    # channels_last is fast, but its batch norm on a CPU is up to 1e-4 off float64; this layout, and ONNX, 1e-5
    generator = trained.generator.network if isinstance(trained.generator, Coloured) else trained.generator
    generator = generator.to(memory_format=torch.contiguous_format)
    direction, size = trained.metadata.direction, trained.metadata.recipe.size
    model = to_onnx(generator, size=size)
    split = experiment.split
    sources = _sources(Path("data/pairs", experiment.dataset_name), split, direction=direction, size=size)
    expected = torch_answers(generator, sources)
    difference = float(np.abs(onnx_answers(model, sources) - expected).max())
    if not difference <= TOLERANCE:  # also when it is not a number
        raise ValueError(
            f"{name}: ONNX differs from PyTorch by {difference:.1e}, more than {TOLERANCE:.0e}; not written"
        )
    parity = {"images": len(sources), "largest_absolute_difference": difference, "tolerance": TOLERANCE}
    if eight_bits:
        model = in_eight_bits(model)
        errors = np.square(onnx_answers(model, sources) - expected).mean(axis=(1, 2, 3))
        parity["psnr_in_eight_bits"] = psnr = round(float(10 * np.log10(4 / errors.max())), 2)  # images span 2
        if not psnr >= LEAST_PSNR:
            raise ValueError(f"{name}: {psnr} dB to PyTorch in 8 bits, less than {LEAST_PSNR}; not written")
    for node in model.graph.node:  # in which line of which file on this machine it was made
        node.ClearField("metadata_props")
    for key, value in {"metadata": trained.metadata.model_dump(mode="json"), "parity": parity}.items():
        model.metadata_props.add(key=key, value=json.dumps(value, sort_keys=True))
    with whole_file(out) as partial:
        onnx.save(model, partial)
    return parity


def to_onnx(generator: "nn.Module", *, size: int) -> "onnx.ModelProto":
    """The graph of a generator in evaluation mode: (N, 3, size, size) in [-1, 1] -> the same shape, any N."""
    import torch
    import torch.nn.functional as F

    from pix2pix.networks.layers import Norm

    network = copy.deepcopy(generator).eval()
    network.forward = partial(network.forward, seeds=None)
    for norm in network.modules():
        if isinstance(norm, Norm):  # as one operator: its loop over the images would fix their number in the graph
            norm.forward = partial(F.instance_norm, weight=norm.weight, bias=norm.bias)  # type: ignore[method-assign]
    program = torch.onnx.export(
        network,
        (torch.zeros(2, 3, size, size),),
        input_names=["source"],
        output_names=["generated"],
        dynamic_shapes=({0: torch.export.Dim("images")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def onnx_answers(model: "onnx.ModelProto", sources: Float) -> Float:
    """What ONNX Runtime answers to images (N, 3, H, W) in [-1, 1], all at once on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(*CONSTANT_FOLDING)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    answers: Float = session.run(None, {"source": sources})[0]
    return answers


def torch_answers(generator: "nn.Module", sources: Float) -> Float:
    """What PyTorch answers to the same, one by one."""
    import torch

    with torch.inference_mode():
        answers: Float = torch.cat([generator(image[None], None) for image in torch.from_numpy(sources)]).numpy()
    return answers


def _sources(root: Path, split: str, *, direction: str, size: int) -> Float:
    """The first IMAGES held-out sources (N, 3, size, size) in [-1, 1]."""
    import torch

    from pix2pix.networks.layers import to_network

    pairs = read_pairs(root, split)[:IMAGES]
    images = np.stack([read_sides(pair, direction=direction, size=size)[0] for pair in pairs])
    return to_network(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description="Export an experiment's generator to ONNX and check it.")
    parser.add_argument("experiment")
    parser.add_argument("--out", type=Path, help="default: models/<experiment>/generator[_<weights' name>].onnx")
    parser.add_argument("--eight-bits", action="store_true", help="store the weights in 8 bits")
    add_weights_options(parser)
    given = parser.parse_args()
    experiment = read_configuration().experiment(given.experiment)
    weights = chosen_weights(experiment.name, given)
    out = given.out or Path("models", experiment.name, f"generator{f'_{weights.stem}' if weights else ''}.onnx")
    parity = onnx_export(experiment, out, weights, eight_bits=given.eight_bits)
    said = f"differs from PyTorch by at most {parity['largest_absolute_difference']:.1e} of images in [-1, 1]"
    stored = f"; in 8 bits at least {parity['psnr_in_eight_bits']} dB PSNR to it" if given.eight_bits else ""
    print(f"{out}: {said}{stored}")


if __name__ == "__main__":
    run(main)
