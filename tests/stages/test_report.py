"""Laws of a report: text, figure and page of all experiments of a study, or nothing and one line that names a file."""

import hashlib
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import stages.report
from pix2pix.config.resolved import Study
from pix2pix.files.images import read_image, resize, write_png
from pix2pix.files.json_csv import write_json
from pix2pix.reporting.html import image
from stages.report import main, report
from tests.support.results import FOLDER, ROWS, THREE, edit, evaluated_for_all, evaluated_for_one, read_report, tables  # noqa: F401
from tests.support.tiny import random_image

CONTROLS = ["*real training images of houses*", "*the targets of houses, shuffled*"]

pytestmark = pytest.mark.usefixtures("evaluated")


def study(**changes: Any) -> Study:
    return replace(THREE.study("tiny"), **changes)


def test_a_report_shows_the_numbers_in_the_files(evaluated: Path) -> None:
    report(study())
    metrics, _, paired = tables(read_report())
    assert [row["experiment"] for row in metrics] == [*ROWS, "*first: mean and spread of 2 seeds*", *CONTROLS]
    for row in metrics[:3]:
        folder = FOLDER / row["experiment"]
        mean = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["ssim"]
        spread = json.loads((folder / "intervals.json").read_text(encoding="utf-8"))["ssim"]
        assert row["SSIM"] == "{:.4f} ± {:.4f} [{:.4f}, {:.4f}]".format(mean, *spread.values())
        assert row["LSD"] != "–"
    ceiling = json.loads((FOLDER / "first_mean/controls.json").read_text(encoding="utf-8"))["training"]
    assert metrics[-2]["LSD"].startswith(f"{ceiling['metrics']['lsd']:.3f} [")
    assert [row["experiment"] for row in paired] == ["first − first_mean", "first_seed1 − first_mean"]


def test_results_of_an_earlier_version_have_dashes() -> None:
    """Its files lack the scores of the set, and two of the files."""
    report(study())
    for file in ("distributions.npz", "controls.json"):
        (FOLDER / "first" / file).unlink()
    for file in ("metrics.json", "intervals.json"):
        path = FOLDER / "first" / file
        kept = {k: v for k, v in json.loads(path.read_text("utf-8")).items() if not k.startswith(("lsd", "lab_"))}
        write_json(path, kept)
    report(study())
    metrics, _, paired = tables(read_report())
    assert (metrics[0]["LSD"], metrics[1]["LSD"] != "–") == ("–", True)
    assert (paired[0]["LSD"], paired[1]["LSD"] != "") == ("", True)


def test_the_same_results_give_the_same_bytes() -> None:
    written = []
    for _ in range(2):
        report(study())
        written.append([Path("results", f"tiny{suffix}").read_bytes() for suffix in (".md", ".png", ".html")])
    assert written[0] == written[1]


def test_the_figure_shows_the_files_that_are_scored() -> None:
    report(study())
    assert "![Tiny](tiny.png)" in read_report()
    files = [
        [FOLDER / f"first/shown/{id}_source.png" for id in "123"],
        [FOLDER / f"first/images/val/{id}.png" for id in "123"],
        [FOLDER / f"first_mean/images/val/{id}.png" for id in "123"],
        [FOLDER / f"first/shown/{id}_target.png" for id in "123"],
    ]
    picture = read_image(Path("results/tiny.png"))
    for y, row in enumerate(files):
        for x, file in enumerate(row):
            left, top = picture.shape[1] - (3 - x) * 132 + 4, y * 132
            expected = resize(read_image(file), width=128, height=128)
            assert (picture[top : top + 128, left : left + 128] == expected).all(), file


def test_a_figure_may_show_some_of_the_experiments() -> None:
    """Here the mean is left out, and the targets follow."""
    report(study())
    everything = read_image(Path("results/tiny.png"))
    report(study(figure=["first", "first_seed1"]))
    some = read_image(Path("results/tiny.png"))
    assert some.shape[0] == everything.shape[0] - 132
    for row, as_in in ((1, 1), (2, 3)):
        one, other = (picture[i * 132 : i * 132 + 128, -392:] for picture, i in ((some, row), (everything, as_in)))
        assert (one == other).all()


def test_a_page_holds_all_that_one_would_send() -> None:
    """The result, the tables, all pictures, and when, where and how it was made: by this machine, else by records/."""
    record = {
        "command": "c",
        "commit": "abc",
        "seconds": 9.0,
        "images_per_second": None,
        "device": "a machine, 2 cores",
    }
    record |= {"finished": "2026-01-02T03:04:05+00:00", "threads": 2, "precision": "bf16", "python": "3", "torch": "2"}
    for name, content in (("first", b"new"), ("first_mean", b"old")):
        Path("models", name).mkdir(parents=True, exist_ok=True)
        Path("models", name, "last.safetensors").write_bytes(content)
    for folder, name, commit in (
        ("records", "first", "old"),
        ("logs/records", "first", "new"),
        ("records", "first_mean", "old"),
        ("logs/records", "first_mean", "of other weights"),
    ):
        Path(folder).mkdir(parents=True, exist_ok=True)
        weights = hashlib.md5(commit.encode()).hexdigest()
        write_json(Path(folder, f"{name}.json"), record | {"commit": commit, "weights": weights})
    report(study(headline="ssim"))
    page = Path("results/tiny.html").read_text(encoding="utf-8")
    sentence = read_report().split("\n\n")[1]
    assert sentence.startswith(
        "SSIM (structural similarity of RGB images, Gaussian window with σ 1.5; higher is better): "
    )
    assert "first (mean of 2 seeds) 0." in sentence
    assert f'<p class="result">{sentence}</p>' in page
    for file in (Path("results/tiny.png"), FOLDER / "first/best_and_worst.png"):
        assert image(file) in page
    assert page.count("<svg ") == 1, "of the losses, for each setting that was trained"
    assert "date 2026-01-02 · training time 9 s" in page
    assert re.findall(r'data-heading="commit">(\w+)', page) == ["new", "old"]
    assert page.count("structural similarity of RGB images, Gaussian window with σ 1.5</dd>") == 1


def test_an_experiment_may_stand_in_several_tables_of_a_study() -> None:
    report(study(tables={"Seeds": ["first", "first_seed1"], "Floor": ["first", "first_mean"]}))
    seeds, _, floor, _, paired = tables(read_report())
    assert [row["experiment"] for row in seeds] == ["first", "first_seed1", "*first: mean and spread of 2 seeds*"]
    assert [row["experiment"] for row in floor] == ["first", "first_mean", *CONTROLS]
    assert len(paired) == 2
    text = read_report()
    assert text.index("#### Seeds") < text.index("#### Floor") < text.index("- SSIM: ")
    assert text.count("- SSIM: ") == 1, "defined once"


def test_one_experiment_alone_is_a_report() -> None:
    report(study(experiments=["first"], baselines=[], tables={"": ["first"]}))
    assert [[row["experiment"] for row in table] for table in tables(read_report())] == [["first"], ["first"]]


def test_results_without_a_baseline_are_named() -> None:
    edit("first", "card.json", dataset="other")
    report(study())
    assert "No baseline on the same images at the same size for: first." in read_report()


def test_an_image_may_be_called_na() -> None:
    for name in ROWS:
        path = FOLDER / name / "per_image.csv"
        table = pd.read_csv(path).astype({"id": str, "group": str})
        table.loc[:1, ["id", "group"]] = [["NA", "NA"], ["null", "null"]]
        table.to_csv(path, index=False)
    report(study())
    assert len(tables(read_report())[-1]) == 2


@pytest.mark.parametrize(
    ("file", "verb"),
    [
        ("card.json", "render"),
        ("metrics.json", "evaluate"),
        ("intervals.json", "evaluate"),
        ("per_image.csv", "evaluate"),
        ("controls.json", "evaluate"),
        ("distributions.npz", "evaluate"),
        ("robustness.csv", "robustness"),
        ("images/val/1.png", None),
        ("shown/1_source.png", None),
    ],
)
def test_an_experiment_without_results_is_named_with_its_command(file: str, verb: str | None) -> None:
    (FOLDER / "first" / file).unlink(missing_ok=True)
    command = rf"; run `python -m stages\.{verb} first` first" if verb else ""
    asked = ["first"]
    with pytest.raises(FileNotFoundError, match=f"^results/tiny/first/{file}: .*no such file{command}"):
        report(
            study(
                robustness=asked if verb == "robustness" else [],
            )
        )
    assert not list(Path("results").glob("tiny.*"))


def test_a_partial_report_is_of_what_is_scored_and_names_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(FOLDER / "first_seed1")
    monkeypatch.setattr(stages.report, "read_configuration", lambda: THREE)
    monkeypatch.setattr(sys, "argv", ["report", "tiny", "--partial"])
    main()
    assert [row["experiment"] for row in tables(read_report())[0]] == ["first", "first_mean", *CONTROLS]
    assert "\nNot scored yet: first_seed1.\n" in read_report()
    shutil.rmtree(FOLDER)
    with pytest.raises(FileNotFoundError, match=r"^results/tiny: no experiment of tiny is scored yet$"):
        main()


def test_fcn_scores_are_those_of_the_study_and_named_where_missing() -> None:
    again = r"`python -m stages\.fcn_score tiny`"
    with pytest.raises(FileNotFoundError, match=rf"^results/tiny/fcn_scores\.json: .*no such file; run {again} first"):
        report(study(fcn_scores=["first"]))
    score = {"n": 3, "segmenter": "reader"} | {f"{of}mean_iou": 0.25 for of in ("", "real_")}
    write_json(FOLDER / "fcn_scores.json", {"first": score})
    report(study(fcn_scores=["first"]))
    assert tables(read_report())[1][0]["FCN mean IoU"] == "0.250"
    with pytest.raises(ValueError, match=rf"fcn_scores\.json: no 'first_seed1'; run {again} again"):
        report(study(fcn_scores=["first", "first_seed1"]))


def test_distances_of_images_that_were_rendered_before_are_refused() -> None:
    card = json.loads((FOLDER / "first/card.json").read_text(encoding="utf-8"))
    path = FOLDER / "first/perceptual.json"
    path.write_text(json.dumps({"card": card, "n": 3, "fid": 123.45, "lpips": 0.4567}), encoding="utf-8")
    report(study())
    assert tables(read_report())[1][0]["FID"] == "123.5"
    edit("first", "perceptual.json", card=card | {"seed": 9})
    with pytest.raises(ValueError, match=r"first/perceptual\.json: of images that were rendered before; delete it"):
        report(study())


def test_an_image_that_stands_twice_is_refused() -> None:
    path = FOLDER / "first/per_image.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[-1]]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"first/per_image\.csv: an image stands twice"):
        report(study())


def save_robustness(*names: str) -> None:
    """robustness.csv of two kinds of drawings, and sketches.png; the k-th experiment has 0.1 k more than the first."""
    for k, name in enumerate(names):
        rows = [
            {"edges": "canny", "corruption": corruption, "split": "val", "id": f"{car}_{view}", "group": car}
            | {"fg_ssim": 0.5 + 0.1 * k + 0.01 * view, "l1": 0.25 - 0.1 * k}
            for corruption in ("as prepared", "bold")
            for car in ("NA", "b")
            for view in (1, 2)
        ]
        pd.DataFrame(rows).to_csv(FOLDER / name / "robustness.csv", index=False)
        write_png(FOLDER / name / "sketches.png", random_image(k, 40, 90))


def test_robustness_has_a_table_for_each_score_and_sketches_in_the_figure() -> None:
    report(study())
    before = read_image(Path("results/tiny.png"))
    save_robustness("first", "first_seed1")
    report(study(robustness=["first", "first_seed1"]))
    assert "Other drawings of the held-out cars, SSIM over the car alone" in read_report()
    ssim, l1 = tables(read_report())[-2:]
    assert [(line["edges"], line["corruption"]) for line in ssim] == [("canny", "as prepared"), ("canny", "bold")]
    for line in ssim:
        assert (line["first"], line["first_seed1"]) == ("0.5150", "0.6150")
        assert line["first_seed1 − first"] == "+0.1000 [0.1000, 0.1000]"
    assert {line["first_seed1 − first"] for line in l1} == {"-0.1000 [-0.1000, -0.1000]"}
    after = read_image(Path("results/tiny.png"))
    assert after.size > before.size + 2 * 3 * 40 * 90
