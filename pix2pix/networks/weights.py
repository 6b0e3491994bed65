"""Weights as self-describing safetensors, and what a resumed run restores from them. Nothing is unpickled."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pix2pix.files.atomic import whole_file
from pix2pix.files.checked import demand


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and their description (JSON under the metadata key "about"), whole or not at all.

    Raises:
        OSError: the file could not be written (disk full, no permission).
    """
    # save would keep metadata in a hash map of random order: one key, so that equal content is equal bytes. Its sister
    # save_file leaves a file of its own naming after a kill, and what the disk answers it is no OSError
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={"about": json.dumps(about, sort_keys=True)},
    )
    with whole_file(path) as partial:
        partial.write_bytes(content)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, foreign or pickled; names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file; train the experiment first")
    try:
        with path.open("rb"), safe_open(path, framework="pt") as file:  # safe_open says "no such file" of any refusal
            about = demand(path, json.loads((file.metadata() or {})["about"]), {})
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a weights file of this project ({error})") from None


def network_tensors(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    """The network's weights under `prefix.`."""
    return {f"{prefix}.{name}": tensor for name, tensor in network.state_dict().items()}


def restore_network(prefix: str, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load what `network_tensors` named, keeping the memory format of the network's own tensors.

    Raises:
        ValueError: names or shapes differ.
    """
    own = {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise ValueError(f"weights do not fit the network: {error}") from None
