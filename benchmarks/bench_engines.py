"""How long `dvc repro report@demo` and `snakemake` take to find that nothing is to do; run `make demo` before."""

import statistics
import subprocess
import time

ROUNDS = 5
COMMANDS = ["dvc repro report@demo", "snakemake --cores 2 report_demo"]


def bench_engines() -> list[dict[str, str | float]]:
    """One row a command: seconds of a run with nothing to do.

    Raises:
        ValueError: there was something to do.
    """
    rows: list[dict[str, str | float]] = []
    for command in COMMANDS:
        seconds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            done = subprocess.run(command.split(), capture_output=True, text=True, check=True)
            seconds.append(time.perf_counter() - start)
            if not any(words in done.stdout + done.stderr for words in ("up to date", "Nothing to be done")):
                raise ValueError(f"{command}: had work to do; run `make demo` first")
        rows.append(
            {"command": command, "seconds": statistics.median(seconds), "lowest": min(seconds), "highest": max(seconds)}
        )
    return rows
