"""A program of others, with its random numbers seeded: `python tools/seeded.py SEED THREADS SCRIPT ARGUMENTS...`

SEED is that of the generators of Python, NumPy and PyTorch, THREADS the number of PyTorch's threads. The script finds
the modules beside it. Pages of HTML, which it writes by the package dominate, are left out: nobody reads them.
"""

import argparse
import random
import runpy
import sys
from pathlib import Path
from unittest.mock import MagicMock


def run_seeded(seed: int, threads: int, script: Path, arguments: list[str]) -> None:
    """Run `script` in this process, as `python script arguments` would."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    dominate = MagicMock()
    dominate.document.return_value.render.return_value = ""
    sys.modules |= {"dominate": dominate, "dominate.tags": dominate}
    sys.path[0], sys.argv = str(script.parent), [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a program of others with its random numbers seeded.")
    parser.add_argument("seed", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("script", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    run_seeded(given.seed, given.threads, given.script, given.arguments)


if __name__ == "__main__":
    main()
