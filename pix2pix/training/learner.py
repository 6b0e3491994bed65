"""What the training loop asks of what it trains, and what a model is trained by."""

from typing import Protocol

from torch import Tensor

from pix2pix.config import models
from pix2pix.config.recipes import Recipe
from pix2pix.config.resolved import Experiment
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.build import Generator, build_discriminator, build_generator, class_colours
from pix2pix.networks.fcn import FCN
from pix2pix.networks.unet import UNet
from pix2pix.training.dataset import PairSet
from pix2pix.training.gan import Gan
from pix2pix.training.mean import Mean, one_look
from pix2pix.training.supervised import Supervised


class Learner(Protocol):
    """A generator in training, with all that its training needs."""

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of the losses, in the order in which `step` and `validate` give them."""

    @property
    def generator(self) -> Generator:
        """What is trained."""

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

    def scale_learning_rates(self, factor: float) -> None:
        """Set the learning rates to `factor` times the recipe's."""

    def tensors(self) -> dict[str, Tensor]:
        """All that a resumed training needs, by name."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave.

        Raises:
            KeyError, ValueError: these are the tensors of another learner.
        """


def recipe_of(experiment: Experiment) -> Recipe:
    """How an experiment is trained: by its recipe, but for the mean, which looks at each image once."""
    return one_look(experiment.recipe) if isinstance(experiment.model, models.Mean) else experiment.recipe


def build_learner(experiment: Experiment, hardware: Hardware, training: PairSet) -> Learner:
    """The learner of an experiment's model, its weights drawn from the experiment's seed."""
    model, recipe = experiment.model, experiment.recipe
    generator, betas = build_generator(model, size=recipe.size), (recipe.beta1, recipe.beta2)
    match model:
        case models.Pix2Pix():
            assert isinstance(generator, UNet)
            return Gan(
                generator,
                build_discriminator(model),
                hardware=hardware,
                seed=experiment.seed,
                learning_rates=(recipe.generator_lr, recipe.discriminator_lr),
                betas=betas,
                gan_weight=recipe.gan_weight,
                l1_weight=recipe.l1_weight,
            )
        case models.FCN() | models.UNetAlone():
            assert isinstance(generator, UNet | FCN)
            return Supervised(
                generator,
                hardware=hardware,
                seed=experiment.seed,
                learning_rate=recipe.generator_lr,
                betas=betas,
                colours=class_colours(model),
            )
        case models.Mean():
            return Mean(training)
