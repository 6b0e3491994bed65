"""What the losses of the last epochs warn of. Only a loss that is not finite stops a training; these are said once."""

import math
from collections.abc import Callable, Sequence

from pix2pix.training.resume import Row

PATIENCE = 3  # epochs in a row that say what one may say by chance
LOST = 24 * math.log(2)  # nats: a chance of 2^-24, which float32 cannot tell from none; training losses stay below 6
GREY = 0.5  # L1 of 1: no image is farther from plain grey
WON, TIED = 0.01, 0.005  # nats: a discriminator's loss when it is never wrong; how near to log 2 is chance


def new_pathology(rows: Sequence[Row]) -> str | None:
    """What the last of `rows` is the first to warn of."""
    warning = pathology(rows)
    return None if warning in [pathology(rows[:count]) for count in range(1, len(rows))] else warning


def pathology(rows: Sequence[Row]) -> str | None:
    """What the training losses of the last epochs (rows of history.csv) warn of."""

    def all_of(test: Callable[[Row], bool], epochs: int) -> bool:
        return len(rows) >= epochs and all(test(row) for row in rows[-epochs:])

    def tied(row: Row) -> bool:
        return all(abs(row.get(name, 0.0) - math.log(2)) < TIED for name in ("train_d", "train_gan"))

    if all_of(lambda row: max(row.get(f"train_{loss}", 0.0) for loss in ("gan", "d", "ce")) > LOST, 1):
        return "the losses explode; lower the learning rates"
    if all_of(lambda row: row["train_l1"] > GREY, 1):
        return "the images are worse than plain grey would be; lower the learning rates"
    if all_of(lambda row: row.get("train_d", 1.0) < WON, PATIENCE):
        return f"the discriminator has won for {PATIENCE} epochs; lower discriminator_lr or gan_weight"
    if all_of(tied, PATIENCE):
        return (
            f"the discriminator has been guessing for {PATIENCE} epochs; raise discriminator_lr or lower generator_lr"
        )
    return None
