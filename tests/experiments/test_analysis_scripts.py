"""Models fitted by scikit-learn, through train.py and evaluate.py on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import run

SMALL = (
    "logger=csv",
    "data.sources.synthetic.train=4",
    "data.sources.synthetic.validation=1",
    "data.sources.synthetic.test=1",
    "data.sources.synthetic.seconds=5",
    "data.prepare_workers=0",
    "data.segment_seconds=2.048",
)
SVM = ("model=svm", "model.fit.segments=8")
SLICES = (
    "model=svm_slice",
    "model.slice_frames=10",
    *(f"model.fit.grids.{kind}.pca__n_components=[4]" for kind in ("svc", "knn", "forest")),
    "model.fit.grids.knn.classifier__n_neighbors=[3]",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("words", "score", "last"),
    [(SVM, "frame_f1", "amt transcribe"), (SLICES, "chroma_accuracy", "the model")],
)
def test_fit_report_evaluate(words, score: str, last: str, cache: Path, tmp_path: Path) -> None:
    done = run("train.py", *words, *SMALL, f"data.cache={cache}", f"hydra.run.dir={tmp_path}")
    assert score in done.stdout and last in done.stdout.splitlines()[-1]
    checkpoint = tmp_path / "checkpoints" / "best.ckpt"
    again = run("evaluate.py", f"ckpt={checkpoint}", f"output={tmp_path / 'again'}")
    assert "**mean**" in again.stdout
    assert (tmp_path / "test.md").read_text() == (tmp_path / "again" / "test.md").read_text()
    if words is SLICES:
        refused = run("-m", "amt.cli", "transcribe", "a.wav", "--ckpt", str(checkpoint), fails=True)
        assert "is a slice classifier and cannot transcribe" in refused.stderr


def test_a_fitted_model_cannot_be_resumed(cache: Path, tmp_path: Path) -> None:
    done = run("train.py", *SVM, *SMALL, f"data.cache={cache}", f"hydra.run.dir={tmp_path}",
               "init=some.ckpt", fails=True)  # fmt: skip
    assert "leave out resume and init" in done.stderr and "Traceback" not in done.stderr
