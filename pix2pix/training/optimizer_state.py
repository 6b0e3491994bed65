"""The state of an Adam optimiser as named tensors, and back."""

import torch
from torch import Tensor, optim


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
        ValueError: shapes differ.
    """
    for index, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
        state = {}
        for name in ("step", "exp_avg", "exp_avg_sq"):
            saved = tensors.get(f"{prefix}.{index}.{name}")
            if saved is None:
                continue
            like = torch.zeros_like(parameter) if name != "step" else torch.zeros((), device=parameter.device)
            if saved.shape != like.shape:  # copy_ would repeat a smaller one
                raise ValueError(f"{prefix}.{index}.{name} is {tuple(saved.shape)}, not {tuple(like.shape)}")
            state[name] = like.copy_(saved)
        if state:
            optimizer.state[parameter] = state
