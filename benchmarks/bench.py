"""`make bench`: every speed claim of the README as a ratio measured in one run, written to benchmarks/RESULTS.md."""

from pathlib import Path

import pandas as pd

from benchmarks.bench_engines import bench_engines
from benchmarks.bench_prepare import bench_prepare
from benchmarks.bench_train import bench_train
from stages.pix2pix.hardware import use_hardware
from stages.pix2pix.publish import whole_file

HEAD = """# Speed

Written by `make bench`. Both sides of a ratio run in turn, in one process, on the machine below; the figure is the
median of the rounds, beside it the lowest and the highest. Seconds depend on the machine; ratios less so.
"""


def main() -> None:
    machine = pd.DataFrame([use_hardware().describe()]).to_markdown(index=False, disable_numparse=True)
    parts = [HEAD, machine]
    for title, bench in [
        ("Training step, against eager fp32 NCHW with unfused Adam", bench_train),
        ("Carvana photo and mask to a stitched pair, one core, against a plain Pillow loop", bench_prepare),
        ("Engines with nothing to do", bench_engines),
    ]:
        print(title, flush=True)
        table = pd.DataFrame(bench()).to_markdown(index=False, floatfmt=".2f")
        print(table, flush=True)
        parts += [f"## {title}", table]
    with whole_file(Path("benchmarks/RESULTS.md")) as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
