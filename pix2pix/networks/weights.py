"""Tensors in safetensors files that say what they are, and the tensors of networks and optimisers by name.

Nothing is unpickled.
"""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn, optim

from pix2pix.config.checks import one_line
from pix2pix.files.atomic import whole_file


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: BaseModel) -> None:
    """Write tensors and their description, JSON under the file's key "metadata", whole or not at all.

    Raises:
        OSError: the file could not be written (disk full, no permission).
    """
    # save() keeps the file's keys in a hash map of random order: with one key, equal content is equal bytes. Its sister
    # save_file() leaves a file of its own naming after a kill, and raises no OSError when the disk is full
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={"metadata": json.dumps(metadata.model_dump(mode="json"))},
    )
    with whole_file(path) as partial:
        partial.write_bytes(content)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], Any]:
    """Read what `save_tensors` wrote: the tensors, and their description as JSON has it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, foreign or pickled; names the file.
    """
    return _load(path, tensors=True)


def load_metadata(path: Path) -> Any:
    """The description alone; raises as `load_tensors`."""
    return _load(path, tensors=False)[1]


def _load(path: Path, *, tensors: bool) -> tuple[dict[str, Tensor], Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file; train the experiment first")
    try:
        with path.open("rb"), safe_open(path, framework="pt") as file:  # safe_open says "no such file" of any refusal
            metadata = json.loads((file.metadata() or {})["metadata"])
            return {name: file.get_tensor(name) for name in file.keys() if tensors}, metadata  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a weights file of this project ({error})") from None


def network_tensors(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    """The network's weights under `prefix.`."""
    return {f"{prefix}.{name}": tensor for name, tensor in network.state_dict().items()}


def restore_network(prefix: str, network: nn.Module, tensors: dict[str, Tensor], *, assign: bool = False) -> None:
    """Load what `network_tensors` named into the network's own tensors, or `assign` it in place of them.

    Raises:
        ValueError: names or shapes differ; one line.
    """
    own = {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
    try:
        network.load_state_dict(own, assign=assign)
    except RuntimeError as error:
        raise ValueError(one_line(f"the weights do not fit the network: {error}")) from None


def optimizer_tensors(prefix: str, optimizer: optim.Adam) -> dict[str, Tensor]:
    """Adam's moments and step counts under `prefix.`, in the order of the parameters."""
    return {
        f"{prefix}.{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizer(prefix: str, optimizer: optim.Adam, tensors: dict[str, Tensor]) -> None:
    """Load what `optimizer_tensors` named; moments take their parameters' memory format, as fused kernels need.

    Raises:
        KeyError: it is not there.
    """
    for index, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
        saved = {name: tensors[f"{prefix}.{index}.{name}"] for name in ("step", "exp_avg", "exp_avg_sq")}
        moments = {name: torch.empty_like(parameter).copy_(saved[name]) for name in ("exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {"step": saved["step"].to(parameter.device), **moments}
