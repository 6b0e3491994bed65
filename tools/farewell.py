"""Last words of `make demo`: the scores, and where the pictures are."""

import sys
from pathlib import Path


def main() -> None:
    table = sys.argv[1]
    report = Path("results", f"{table}.md").resolve()
    print(report.read_text(encoding="utf-8"))
    print(f"The picture:      {report.with_suffix('.png')}")
    print(f"The report:       {report}")
    print(f"Every epoch:      {Path('models/demo_cars/samples').resolve()}")
    print("In the browser:   source .venv/bin/activate; tensorboard --logdir logs/tensorboard")
    print("Your own images:  source .venv/bin/activate; python -m stages.render demo_cars --images DIR --out DIR")


if __name__ == "__main__":
    main()
