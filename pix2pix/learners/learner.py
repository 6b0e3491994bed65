"""What the training loop asks of what it trains, and what each model is trained by."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from pix2pix.batches.dataset import PairSet
from pix2pix.config import models
from pix2pix.config.recipes import Recipe
from pix2pix.config.resolved import Experiment
from pix2pix.learners.gan import Gan
from pix2pix.learners.mean import Mean, one_look
from pix2pix.learners.network_in_training import NetworkInTraining
from pix2pix.learners.supervised import Supervised
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.weights import network_tensors, optimizer_tensors, restore_network, restore_optimizer

LEAST_FOR_TWO_THREADS = 2**25  # channels² · pixels · images of a step (measured: benchmarks/RESULTS.md)


class Learner(Protocol):
    """Networks in training."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """By name; what is trained for is the generator, or `averaged`, the average of its weights."""

    @property
    def in_training(self) -> Mapping[str, NetworkInTraining]:
        """Those of the networks that are updated step by step, with their optimisers."""

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of the losses, in the order in which `step` and `validate` give them."""

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        """One update on a batch: images (N, 3, S, S) in [-1, 1] and dropout seeds (N,). Never waits for the device.

        Processes that train together each bring their own part of the batch; update and losses are those of the whole.

        Returns:
            Losses (losses,) before the update, on the device.
        """

    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """Images (N, 3, S, S) in [-1, 1], float32, as at inference; no dropout where `seeds` is None."""

    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        """Losses (losses,) of the images that `generate` gives."""


def recipe_of(experiment: Experiment) -> Recipe:
    """How an experiment is trained: by its recipe, but for the mean, which looks at each image once."""
    return one_look(experiment.recipe) if isinstance(experiment.model, models.Mean) else experiment.recipe


def is_small(experiment: Experiment) -> bool:
    """Whether one CPU thread trains as fast as two: their waiting for each other takes what the second one gains."""
    recipe = recipe_of(experiment)
    match experiment.model:
        case models.Mean():
            return True
        case (
            models.Pix2Pix(generator_channels=channels)
            | models.FCN(channels=channels)
            | models.UNetAlone(channels=channels)
        ):
            return channels**2 * recipe.size**2 * recipe.batch_size < LEAST_FOR_TWO_THREADS


def build_learner(experiment: Experiment, hardware: Hardware, training: PairSet) -> Learner:
    """The learner of an experiment, its weights drawn from the experiment's seed."""
    model, recipe, seed = experiment.model, experiment.recipe, experiment.seed
    match model:
        case models.Mean():
            return Mean(training)
        case models.Pix2Pix() if recipe.gan_weight:
            return Gan(model, recipe, seed=seed, hardware=hardware)
        case _:
            return Supervised(model, recipe, seed=seed, hardware=hardware)


def trained_generator(learner: Learner) -> nn.Module:
    """What is published: the generator, with averaged weights where the recipe has `ema`."""
    return learner.networks.get("averaged", learner.networks["generator"])


def learner_tensors(learner: Learner) -> dict[str, Tensor]:
    """All that a resumed training needs, by name."""
    tensors: dict[str, Tensor] = {}
    for name, network in learner.networks.items():
        tensors |= network_tensors(name, network)
    for name, trained in learner.in_training.items():
        tensors |= optimizer_tensors(f"{name}_adam", trained.adam)
    return tensors


def restore_learner(learner: Learner, tensors: dict[str, Tensor]) -> None:
    """Go on from what `learner_tensors` gave.

    Raises:
        KeyError, ValueError: these are the tensors of another learner.
    """
    for name, network in learner.networks.items():
        restore_network(name, network, tensors)
    for name, trained in learner.in_training.items():
        restore_optimizer(f"{name}_adam", trained.adam, tensors)
        trained.weights_changed()


def scale_learning_rates(learner: Learner, factor: float) -> None:
    """Set the learning rates to `factor` times the recipe's."""
    for trained in learner.in_training.values():
        trained.scale_learning_rate(factor)
