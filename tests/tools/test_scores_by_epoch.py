"""Laws of scores by epoch: those of evaluate, of each of the kept weights; others' weights are refused."""

from pathlib import Path

import pandas as pd
import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.evaluation.result_files import Metrics
from pix2pix.files.json_csv import read_json
from stages.evaluate import evaluate
from stages.render import render
from tests.support.tiny import TINY
from tests.support.weights_cases import save_weights
from tools.scores_by_epoch import SCORES, scores_by_epoch


def test_the_last_epoch_has_the_scores_of_evaluate(tiny_repo: Path, configuration: Configuration) -> None:
    experiment = configuration.experiment("first")
    save_weights()
    for epoch in (2, 3):
        save_weights(Path(f"models/first/kept/epoch_{epoch:04d}.safetensors"), epoch=epoch)
    table = pd.read_csv(scores_by_epoch(experiment)).set_index("epoch")
    render(experiment)
    evaluate(experiment)
    metrics = read_json(Path("results/tiny/first/metrics.json"), Metrics).values
    assert [*table.index] == [2, 3]
    assert table.loc[3].to_dict() == pytest.approx({key: metrics[key] for key in SCORES}, abs=1e-6)


def test_what_cannot_be_scored_is_named(tiny_repo: Path, configuration: Configuration) -> None:
    with pytest.raises(FileNotFoundError, match=r"models/first/kept: no weights"):
        scores_by_epoch(configuration.experiment("first"))
    save_weights(Path("models/first/kept/epoch_0002.safetensors"), seed=5)
    with pytest.raises(ValueError, match="trained with seed: 5"):
        scores_by_epoch(configuration.experiment("first"))
    back = Configuration(TINY | {"experiments": {"first": TINY["experiments"]["first"] | {"direction": "AtoB"}}})
    with pytest.raises(ValueError, match="label maps"):
        scores_by_epoch(back.experiment("first"))
