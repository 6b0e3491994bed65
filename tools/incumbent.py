"""A row by pytorch-CycleGAN-and-pix2pix (Zhu, Park et al.), from a checkout of one's own; none of its code is here.

    INCUMBENT=FOLDER python -m tools.incumbent facades_small_incumbent

Its train.py and test.py run with the row's data, direction, sizes, channels, batch size, epochs, decay, learning rate,
L1 weight, jitter and seed. All else is its own default for pix2pix, such as batch norm in training mode and dropout at
inference too. It has dropout in other blocks than ours, and trains its last epoch with a rate of 0.

Reads   data/pairs/<dataset>/
Writes  results/<study>/<row>/ and results/<study>/rendered-images/<row>.txt, as render and evaluate do, without
        training.png, but with .gitignore, by which git keeps all that `report` reads of it
        logs/records/<row>.json: the digest of its code, its commands, the wall time, our commit, the machine

It is no stage, because DVC would stop everyone who has no checkout. Killed, the same command continues from the last
checkpoint, at most five epochs back, with new moments of Adam; the record says where. Once a run has ended, the command
renders and scores it again. scratch/incumbent/<row>/<digest of all that determines the run>/ holds its state and log.
"""

import argparse
import fcntl
import hashlib
import math
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.evaluation.result_files import Card
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.images import read_image
from pix2pix.files.json_csv import read_json, write_json
from pix2pix.machine.provenance import write_record
from pix2pix.pairs.stitched import read_pairs
from stages.evaluate import evaluate
from stages.render import publish

# The options of both scripts, of train.py, of test.py; in braces keys of model and recipe, and of `option_values`
BOTH = """--dataroot=data/pairs/{dataset} --name={name} --model=pix2pix --direction={direction} --netG=unet_{size}
    --ngf={generator_channels} --ndf={discriminator_channels} --crop_size={size} --num_threads=0 --gpu_ids={gpu}"""
TRAIN = """--load_size={load_size} --batch_size={batch_size} --n_epochs={full} --n_epochs_decay={decay}
    --lr={generator_lr} --beta1={beta1} --lambda_L1={l1_weight} --save_epoch_freq={every} --display_id=0 --no_html"""
TEST = "--load_size={size} --phase={split} --num_test={n} --epoch={epochs}"
ALSO_EXPRESSED = ("mirror", "decay_share", "keep_every")
ALWAYS = {  # what it does where it has no option
    "kind": "pix2pix", "dropout": 0.5, "dropout_blocks": 3, "inference_dropout": True, "discriminator_layers": 3,
    "skips": True, "conditional": True, "beta2": 0.999, "gan_weight": 1.0,
}  # fmt: skip
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm")  # it passes over other files in silence


@dataclass(frozen=True)
class Program:
    """The incumbent at work on one row, in `folder`; it holds `lock`, a file descriptor, as long as it lives."""

    checkout: Path
    folder: Path
    row: Experiment
    threads: int
    lock: int

    def networks(self, epoch: int) -> list[Path]:
        """Its checkpoint after an epoch, in the order in which it is written."""
        return [self.folder / "checkpoints" / self.row.name / f"{epoch}_net_{network}.pth" for network in "GD"]

    @property
    def epoch(self) -> int:
        """The last one of which there is a whole checkpoint, or 0."""
        epochs = range(self.row.recipe.epochs, 0, -1)
        return next((epoch for epoch in epochs if all(map(zipfile.is_zipfile, self.networks(epoch)))), 0)

    def starts(self) -> list[tuple[int, float]]:
        """After which epoch each start began, and when."""
        path = self.folder / "starts.json"
        return read_json(path, list[tuple[int, float]]) if path.exists() else []

    def seconds(self) -> float:
        """The time from each start to the checkpoint that was gone on from."""
        starts, ends = self.starts(), [*(epoch for epoch, _ in self.starts()[1:]), self.epoch]
        return sum(
            self.networks(end)[-1].stat().st_mtime - since
            for (begin, since), end in zip(starts, ends, strict=True)
            if end > begin
        )

    def train(self, options: list[str]) -> None:
        """Go on to the last epoch.

        Raises:
            ValueError: it failed, or left no checkpoint of the last epoch.
        """
        begin, last = self.epoch, self.row.recipe.epochs
        write_json(self.folder / "starts.json", [*self.starts(), (begin, time.time())])
        print(f"{self.row.name}: epoch {begin} of {last}; what it says: {self.folder}/log.txt", flush=True)
        again = ["--continue_train", f"--epoch={begin}", f"--epoch_count={begin + 1}"] if begin else []
        self.call("train.py", [*options, *again], seed=self.row.seed + (begin << 16))  # no order of images twice
        if self.epoch < last:
            raise ValueError(f"{self.networks(last)[0]}: {self.checkout}/train.py ended without it")

    def call(self, script: str, options: list[str], *, seed: int) -> None:
        """Run one of its scripts. Raises ValueError with the last line that it said, where it fails."""
        seeded = [str(Path(__file__).with_name("seeded.py")), str(seed), str(self.threads), str(self.checkout / script)]
        log = self.folder / "log.txt"
        with log.open("ab") as out:
            done = subprocess.run(
                [sys.executable, *seeded, *options], stdout=out, stderr=out, pass_fds=[self.lock], check=False
            )
        if done.returncode:
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
            raise ValueError(f"{self.checkout / script}: {' '.join(last)} (all that it said: {log})")


def incumbent(row: Experiment, checkout: Path) -> None:
    """Have the program in `checkout` train and render a row; score it and publish the results.

    Raises:
        ValueError, FileNotFoundError: no pairs, or such as it cannot read; a row that its options cannot express; it
            fails; another process runs the row.
    """
    from pix2pix.machine.hardware import use_hardware

    root, code = Path("data/pairs", row.dataset_name), code_digest(checkout)
    training, held_out = read_pairs(root, "train"), read_pairs(root, row.split)
    if passed := [pair.path for pair in training + held_out if pair.path.suffix.lower() not in SUFFIXES]:
        raise ValueError(f"{passed[0]}: the incumbent would pass over it; it reads {', '.join(SUFFIXES)}")
    hardware, epochs = use_hardware(training=True), row.recipe.epochs
    gpu = hardware.device.index or 0 if hardware.device.type == "cuda" else -1
    values = option_values(row) | {"gpu": gpu, "n": len(held_out)}
    both, to_train, to_test = (text.format(**values).split() for text in (BOTH, TRAIN, TEST))
    to_train += ["--no_flip"] * (not row.recipe.mirror)
    determining = [*both, *to_train, str(row.seed), code, (root / "pairs.csv").read_text(encoding="utf-8")]
    digest = hashlib.sha256("\n".join(determining).encode()).hexdigest()[:16]
    folder, record = Path("scratch/incumbent", row.name, digest), Path("logs/records", f"{row.name}.json")
    both += [f"--checkpoints_dir={folder}/checkpoints"]
    to_train, to_test = both + to_train, [*both, *to_test, f"--results_dir={folder}/results"]
    with _lock(folder) as lock:
        program = Program(checkout, folder, row, hardware.threads, lock)
        if program.epoch < epochs:
            record.unlink(missing_ok=True)
            program.train(to_train)
        program.call("test.py", to_test, seed=row.seed)
        images = folder / f"results/{row.name}/{row.split}_{epochs}/images"
        epoch_steps = math.ceil(len(training) / row.recipe.batch_size)
        metadata = row.metadata(precision="fp32", epoch=epochs, step=epochs * epoch_steps)
        card = publish(row, metadata, lambda pair: read_image(images / f"{pair.id}_fake_B.png"), incumbent=code)
        _keep_in_git(Path("results", row.study, row.name), card)
        evaluate(row)
        if not record.exists():
            said: dict[str, str | int] = {
                "precision": "fp32",
                "incumbent": code,
                "train": " ".join(["train.py", *to_train]),
                "test": " ".join(["test.py", *to_test]),
                "started_after_epochs": ", ".join(str(epoch) for epoch, _ in program.starts()),
            }
            write_record(
                record,
                command=f"INCUMBENT=FOLDER python -m tools.incumbent {row.name}",
                seconds=program.seconds(),
                images=epochs * len(training),
                hardware=hardware.describe() | said,
                code=("stages", "pix2pix", "tools", "params.yaml", "config"),
            )


def option_values(row: Experiment) -> dict[str, Any]:
    """What stands in its options. Raises ValueError where a key of the row's model or recipe cannot be said in them."""
    said: dict[str, Any] = row.model.model_dump() | row.recipe.model_dump()
    always = ALWAYS | {"discriminator_lr": said["generator_lr"]}
    for key, value in said.items():
        if f"{{{key}}}" not in BOTH + TRAIN + TEST and key not in ALSO_EXPRESSED and always.get(key) != value:
            raise ValueError(f"incumbent.{row.name}: {key} is {value}, for which the incumbent has no option")
    decay = round(said["decay_share"] * said["epochs"])
    every = next(every for every in range(5, 0, -1) if said["epochs"] % every == 0)
    more = {"full": said["epochs"] - decay, "decay": decay, "every": every}
    return said | more | {"name": row.name, "dataset": row.dataset_name, "direction": row.direction, "split": row.split}


def code_digest(checkout: Path) -> str:
    """That of `find . -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum` in the folder."""
    names = sorted(f"./{path.relative_to(checkout).as_posix()}" for path in checkout.rglob("*.py"))
    lines = [f"{hashlib.sha256((checkout / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _keep_in_git(out: Path, card: Card) -> None:
    kept = ["*/", ".gitignore", "*.json", "*.csv", "*.npz", "/shown/*.png"]
    kept += [f"/images/{card.split}/{id}.png" for id in card.shown]
    with whole_file(out / ".gitignore") as partial:
        partial.write_text("".join(["*\n", *(f"!{path}\n" for path in kept)]), encoding="utf-8")


@contextmanager
def _lock(folder: Path) -> Iterator[int]:
    """Hold the lock of `folder`: a file descriptor that a child may inherit, and then holds, too."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{lock.name}: another process runs this row; wait for it, or stop it") from None
        yield lock.fileno()


def main() -> None:
    parser = argparse.ArgumentParser(description="A row by pytorch-CycleGAN-and-pix2pix: INCUMBENT names its folder.")
    parser.add_argument("row", help="an entry of `incumbent` in config/studies/")
    name = parser.parse_args().row
    row = read_configuration().incumbent(name)
    given = os.environ.get("INCUMBENT", "")
    if not given or not Path(given, "train.py").is_file():
        raise ValueError(f"INCUMBENT={given}: must name a checkout of pytorch-CycleGAN-and-pix2pix")
    incumbent(row, Path(given))


if __name__ == "__main__":
    run(main)
