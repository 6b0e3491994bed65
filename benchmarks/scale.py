"""docs/scale.md: what cannot be run here, by arithmetic. `python -m benchmarks.scale` writes it, a test holds it equal.

Every figure comes from a rate measured here (RESULTS.md, rates.csv, sweep.csv), from params.yaml or from the
assumptions below, which the page calls so.
"""

import argparse
import csv
from pathlib import Path

import pandas as pd
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.config.datasets import ArchiveSource, CarvanaSource, Gta5Source
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet

PAGE = Path("docs/scale.md")
HERE = Path("benchmarks")
Rates = dict[str, dict[str, float]]
Sweep = dict[int, dict[str, float]]

# assumptions
GPU_RATE = 250.0  # images/s of the paper's networks at 256 px, batch 1, on one GPU
GPUS = 64
SWEEP = 1000  # experiments, each of the recipe `paper` on facades
CORES = 64  # of a node that prepares
PHOTO = (1918, 1280)  # px of a Carvana photo
FULL = 1024  # px: the power of two below its rows

# of sweep.csv, to be changed when it is measured again
SWEPT = """beside other work, at a load of 5 to 12 on two cores, before both engines read the graph by libyaml and
before Snakemake ceased to read dvc.lock"""

STEPS = ("status", "plan", "stage", "record", "job")
PREPARED = [
    ("a Carvana photo to a pair of 256 px, one core", "carvana_256"),
    (f"a Carvana photo to a pair of {FULL} px, one core", f"carvana_{FULL}"),
    ("a GTA5 frame to a pair of 256 px, one core", "gta5_256"),
]

HEAD = """# What cannot be run here, by arithmetic

Written by `python -m benchmarks.scale`, from rates measured on two CPU cores and from assumptions; no figure was typed
but these. **No GPU has been available: the GPU's rate is an assumption**, and the times that rest on it are so many
images divided by it. When it is measured, change `GPU_RATE` in `benchmarks/scale.py`.
"""


def page() -> str:
    """The whole text."""
    configuration, rates, sweep = read_configuration(), _read("rates.csv", "rate"), _sweep()
    cpu = _measured("paper: 256 px", "ours images/s")
    parts = [HEAD, _rates(rates, cpu), _large(configuration, rates, cpu), _experiments(configuration, sweep, cpu)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _rates(rates: Rates, cpu: float) -> str:
    generator, both = _weights()
    file, mib = _hashing(rates)
    rows = [
        ["training, 256 px, batch 1, two CPU cores", f"{cpu:.2f} images/s", "measured, RESULTS.md"],
        ["training, 256 px, batch 1, one GPU", f"{GPU_RATE:.0f} images/s", "**assumed**"],
        ["training at another size", "× (256 px / size)²", "assumed: time goes with the pixels"],
        *(_rate(rates, what, rate) for what, rate in PREPARED),
        ["a file into DVC's cache, one core", f"{file:.2f} ms, and {mib:.1f} ms a MiB", "measured, rates.csv"],
        ["weights of the paper's generator", _bytes(generator), "counted, fp32"],
        ["state of a training", _bytes(3 * both), "counted: both networks, two moments of Adam"],
    ]
    return "## Rates\n\n" + _table(rows, ["what", "rate", "from"])


def _rate(rates: Rates, what: str, rate: str) -> list[str]:
    ms, kept, read = (rates[rate][column] for column in ("ms", "kept_kib", "read_kib"))
    figures = f"{ms:.1f} ms, {kept:.0f} KiB kept, {read:.0f} KiB read"
    return [what, figures, "measured on drawn ones of the real size, rates.csv"]


def _large(configuration: Configuration, rates: Rates, cpu: float) -> str:
    carvana, gta5 = configuration.dataset("carvana").download, configuration.dataset("gta5").download
    assert isinstance(carvana, CarvanaSource) and isinstance(gta5, Gta5Source)
    photos, frames = carvana.expect_cars * carvana.expect_views, gta5.expect_frames
    file, mib = _hashing(rates)
    epochs = configuration.experiment("cars").recipe.epochs
    sets = [
        (f"Carvana, {photos:,} photos, 256 px", "carvana", 256, photos),
        (f"Carvana, {photos:,} photos, {FULL} px", "carvana", FULL, photos),
        (f"GTA5, {frames:,} frames, 256 px", "gta5", 256, frames),
    ]
    rows = []
    for title, rate, size, count in sets:
        one = rates[f"{rate}_{size}"]
        core, area = count * one["ms"] / 1000, (size / 256) ** 2
        rows.append(
            [
                title,
                _bytes(1024 * count * one["read_kib"]),
                f"{_time(core)}; {_time(core / CORES)}",
                _bytes(1024 * count * one["kept_kib"]),
                _time(count * (file + mib * one["kept_kib"] / 1024) / 1000),
                _bytes(count * 2 * 3 * size * size),
                _time(count * epochs * area / cpu),
                _time(count * epochs * area / GPU_RATE),
            ]
        )
    head = ["set", "raw", f"prepare: one core; {CORES} cores", "pairs", "DVC's hashing", "as uint8 on the device",
            f"{epochs} epochs, two CPU cores", f"{epochs} epochs, one GPU (assumed)"]  # fmt: skip
    percent = 100 * FULL**2 / (PHOTO[0] * PHOTO[1])
    return f"""## Large sets

Time = images × epochs × (size / 256)² / rate; pairs lie twice on the disk where DVC cannot link (workspace and cache).
The held-out pairs are counted as trained on. Cores scale, disks keep up: assumed. Training is of squares whose side is
a power of two (other multiples of it a network takes only to translate images), so no row is the full
{PHOTO[0]} × {PHOTO[1]}: {FULL} px, the largest within a photo's height, are {percent:.0f} % of its pixels.

{_table(rows, head)}"""


def _experiments(configuration: Configuration, sweep: Sweep, cpu: float) -> str:
    facades = configuration.dataset("facades").download
    assert isinstance(facades, ArchiveSource)
    images = facades.expect["train"] * configuration.sections["recipes"]["paper"]["epochs"]
    generator, both = _weights()
    weights = generator * SWEEP
    gpu = SWEEP * images / GPU_RATE
    rows = []
    for count in sweep:
        clones = -(-SWEEP // count)
        serial = 3 * count * (sweep[count]["stage"] + sweep[count]["record"])
        rows.append(
            [
                str(count),
                str(clones),
                *(f"{sweep[count][step]:.1f} s" for step in STEPS),
                _time(serial),
                _time(3 * SWEEP * sweep[count]["job"]),
                f"{serial / (gpu / GPUS):.2f}",
            ]
        )
    head = ["experiments of a clone", "clones", "`dvc status`", "`snakemake -n`", "stage, nothing to do", "its record",
            "job read", "DVC in turn, a clone", "jobs read, all", "DVC in turn / training"]  # fmt: skip
    return f"""## {SWEEP:,} experiments on {GPUS} GPUs

Each trains {images:,} images (facades, recipe `paper`): {_time(images / cpu)} on two CPU cores (measured rate),
{_time(images / GPU_RATE)} on one GPU (assumed). All of them: {_time(SWEEP * images / cpu)} of two cores,
{_time(gpu)} of a GPU, {_time(gpu / GPUS)} on {GPUS}. Weights: {_bytes(weights)},
once more where DVC cannot link. The state of a training, {_bytes(3 * both)} in `scratch/train/<experiment>/`,
stays until another of its experiment has ended: {_bytes(3 * both * SWEEP)}. It may be deleted once DVC has recorded the
training.

The engines, by the experiments of one params.yaml (three stages each; processor seconds of one core, `sweep.csv`):

{_table(rows, head)}

*DVC in turn*: each stage of a clone takes DVC's lock to see what is to do, which reads the whole graph, and to write
dvc.lock; nothing of this runs in parallel, however many GPUs there are. The sum of the two commands counts one reading
of the graph too much, so it is an upper bound. *Jobs read*: a SLURM job reads the Snakefile before it runs its stage;
this is parallel, but occupies the GPU that it holds.

{_verdict(sweep, gpu)}"""


def _verdict(sweep: Sweep, gpu: float) -> str:
    """What breaks first, from the figures."""
    shares = {count: 3 * count * (sweep[count]["stage"] + sweep[count]["record"]) / (gpu / GPUS) for count in sweep}
    worst, fits = max(shares), [count for count, share in shares.items() if share < 0.5]
    which = f"DVC's turns take {shares[worst]:.1f} times as long as the training"
    bounds = f"""That is an upper bound at an assumed {GPU_RATE:.0f} images/s of a GPU: `sweep.csv` was measured
{SWEPT}."""
    if shares[worst] < 1:
        return f"**Nothing breaks** at {worst:,} experiments in one clone: {which}. {bounds}"
    advice = f"clones of {max(fits)} experiments" if fits else f"clones of fewer than {min(shares)} experiments"
    return f"""**DVC's lock breaks first**: with {worst:,} experiments in one clone {which},
and the GPUs wait. {bounds}
What to do: {advice}, each with its own params.yaml, dvc.lock and report and a Snakemake of its own;
one DVC cache for all (`dvc cache dir --local FOLDER`), so that the data is there once; gather with `make publish` to
one remote. `dvc exp run --queue` is the other way, not measured here: each experiment runs in a
workspace of its own, with the params.yaml of one small table."""


def _read(name: str, key: str) -> Rates:
    """Rows of a table by their cell `key`."""
    rows = csv.DictReader((HERE / name).read_text(encoding="utf-8").splitlines())
    return {row[key]: {column: float(cell) for column, cell in row.items() if column != key} for row in rows}


def _sweep() -> Sweep:
    """Processor seconds of each step, by the number of experiments."""
    sweep: Sweep = {}
    for row in csv.DictReader((HERE / "sweep.csv").read_text(encoding="utf-8").splitlines()):
        sweep.setdefault(int(row["experiments"]), {})[row["step"]] = float(row["cpu_seconds"])
    return sweep


def _hashing(rates: Rates) -> tuple[float, float]:
    """Milliseconds that a file takes into DVC's cache, and each MiB of it besides: the line through both sizes."""
    small, large = rates["dvc_file_30"], rates["dvc_file_270"]
    mib = 1024 * (large["ms"] - small["ms"]) / (large["kept_kib"] - small["kept_kib"])
    return small["ms"] - mib * small["kept_kib"] / 1024, mib


def _measured(row: str, column: str) -> float:
    """A cell of RESULTS.md, whose row begins with these words.

    Raises:
        ValueError: there is no such row or column.
    """
    head: list[str] = []
    for line in (HERE / "RESULTS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if column in cells:
            head = cells
        elif head and cells[0].startswith(row):
            return float(cells[head.index(column)])
    raise ValueError(f"{HERE / 'RESULTS.md'}: no row '{row}' with a column '{column}'; run `make bench`")


def _weights() -> tuple[float, float]:
    """Bytes of the paper's generator, and of both networks, in fp32."""
    with torch.device("meta"):
        networks = UNet(size=256, channels=64), PatchGAN(channels=64, layers=3)
    generator, discriminator = (4.0 * sum(p.numel() for p in network.parameters()) for network in networks)
    return generator, generator + discriminator


def _table(rows: list[list[str]], head: list[str]) -> str:
    return pd.DataFrame(rows, columns=pd.Index(head)).to_markdown(index=False, disable_numparse=True)


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def main() -> None:
    argparse.ArgumentParser(description="Write docs/scale.md from the measured rates.").parse_args()
    with whole_file(PAGE) as partial:
        partial.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
