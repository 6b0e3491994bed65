"""Write the golden curves anew, after a change that is meant to move them: `python -m tests.golden`."""

from tests.golden.curves import RUNS, path, record

for name in RUNS:
    path(name).write_text(record(name), encoding="utf-8")
    print(path(name))
