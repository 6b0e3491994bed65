"""Every metric of a study's tables, described once. A new metric has its function in a module beside this one and its
entry here; evaluate, report and config/studies/*.yaml name it by its key."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Metric:
    key: str
    heading: str  # of its column
    decimals: int
    higher_is_better: bool
    definition: str

    def text(self, value: float | None, *, none: str = "–") -> str:
        """A cell of a table; `none` where there is no value."""
        return none if value is None else f"{value:z.{self.decimals}f}"  # z: no "-0.0"

    def interval(self, low: float | None, high: float | None) -> str:
        none = low is None or high is None or math.isnan(low)
        return "[–]" if none else f"[{self.text(low)}, {self.text(high)}]"


IMAGE_METRICS = (  # of each image; of cars also over the foreground alone, then with the prefix fg_
    Metric("psnr", "PSNR, dB", 2, True, "peak signal-to-noise ratio over all channels; 58.9 for equal images"),
    Metric("ssim", "SSIM", 4, True, "structural similarity of RGB images, Gaussian window with σ 1.5"),
    Metric("l1", "L1 (0–1)", 4, False, "mean absolute difference; 0: equal, 1: black against white"),
)
SET_METRICS = (  # of all images at once; of cars also over the foreground alone
    Metric("lsd", "LSD", 3, False, "log-spectrum distance: RMS difference of log10 radial power; 0: as sharp"),
    Metric("lab_l", "L ∩", 3, True, "share that the histograms of L (CIELAB) of images and targets have in common"),
    Metric("lab_a", "a ∩", 3, True, "the same of a, green to red"),
    Metric("lab_b", "b ∩", 3, True, "the same of b, blue to yellow"),
)
ARTEFACT_METRICS = (  # of each photo; in tables where any row has them: results of earlier versions have none
    Metric(
        "blotches", "blotches", 4, False,
        "share of pixels whose a or b is more than 15 beyond that of 99.5 % of the target's; 0: no false colours",
    ),
    Metric(
        "checkerboard", "checker", 3, False,
        "checkerboard: log10 power at the period of 4 pixels over that beside it, less the target's; 0: none",
    ),
)  # fmt: skip
LOSSES = (  # of the last epoch
    Metric("train_l1", "train L1", 4, False, "the last epoch's training loss, with augmentation and dropout"),
    Metric("val_l1", "val. L1", 4, False, "the last epoch's validation loss"),
    Metric("train_ce", "train CE", 3, False, "the last epoch's cross-entropy in training, nats per pixel"),
    Metric("val_ce", "val. CE", 3, False, "the last epoch's cross-entropy in validation, nats per pixel"),
)
LABEL_METRICS = (  # of label maps, from one confusion matrix over all images
    Metric("pixel_accuracy", "pixel acc.", 3, True, "share of pixels with the right class, that of the nearest colour"),
    Metric("class_accuracy", "class acc.", 3, True, "mean recall of the classes in the label maps"),
    Metric("mean_iou", "mean IoU", 3, True, "mean intersection over union of the classes in label maps or predictions"),
)
FCN_METRICS = tuple(
    replace(
        metric,
        key=f"fcn_{metric.key}",
        heading=f"FCN {metric.heading}",
        definition=f"{metric.heading} of what a segmenter, trained on real photos, predicts from the generated photos",
    )
    for metric in LABEL_METRICS
)
PERCEPTUAL_METRICS = (
    Metric("fid", "FID", 1, False, "Fréchet Inception distance to the real images; biased upwards where n is small"),
    Metric("kid", "KID", 4, False, "kernel Inception distance to the real images, unbiased [95 % interval]"),
    Metric("lpips", "LPIPS", 3, False, "mean learned perceptual distance to the target; 0: equal"),
)
METRICS = {
    metric.key: metric
    for metric in (
        *IMAGE_METRICS,
        *ARTEFACT_METRICS,
        *SET_METRICS,
        *LOSSES,
        *LABEL_METRICS,
        *FCN_METRICS,
        *PERCEPTUAL_METRICS,
    )
}
