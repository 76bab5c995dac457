"""The report of runs: sweeps, resumed and cut runs, missing columns, one line for odd input."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from scripts import run

from amt.evaluation.details import Details
from amt.notes import Notes

SCRIPT = "experiments/reports/report.py"
CURVES = ("train/loss", "val/loss", "val/note_f1", "val/maps/note_f1", "time/waiting")


def make_run(folder: Path, best: float, overrides: tuple[str, ...] = (), steps: int = 40) -> Path:
    """The files of a finished run."""
    folder.mkdir(parents=True)
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("epoch", "step", *CURVES))
        writer.writeheader()
        for step in range(0, steps, 2):
            writer.writerow({"step": step, "train/loss": 3 / (step + 1), "time/waiting": 0.1})
            if step % 10 == 8:
                f1 = best * step / (steps - 2)
                scores = {"val/loss": 0.5, "val/note_f1": f1, "val/maps/note_f1": f1 / 2}
                writer.writerow({"step": step, **scores})
    rows = [{"name": f"piece{n}", "set": "maps", "note_f1": best - 0.1 * n} for n in range(3)]
    with (folder / "test.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    reference = Notes([1.0, 2.0], [1.5, 2.5], [60, 64], [64, 64])
    estimate = Notes([1.01, 2.0], [1.5, 2.5], [60, 76], [64, 64])
    details = Details.of(reference, estimate).as_document()
    document = {"means": {"note_f1": best - 0.1}, "group_means": {}, "details": details}
    (folder / "test.json").write_text(json.dumps(document))
    curve = [
        {"onset_threshold": x, "note_f1": best - x / 9, "note_precision": x, "note_recall": 1 - x}
        for x in (0.1, 0.5, 0.9)
    ]
    thresholds = {"thresholds": {"onset_threshold": [0.5, 0.34]}, "note_f1": [0.7, 0.8]}
    (folder / "thresholds.json").write_text(json.dumps({**thresholds, "curve": curve}))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {o}\n" for o in overrides))
    return folder


def report(*runs: Path, fails: bool = False) -> tuple[str, str]:
    """The page, and what was printed to stderr."""
    output = runs[0].parent / "report.html"
    done = run(SCRIPT, *map(str, runs), "--output", str(output), fails=fails)
    return output.read_text("utf-8") if output.is_file() else "", done.stderr


class Elements(HTMLParser):
    """Counts elements, and checks that those of SVG and tables are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)
        if tag in ("svg", "table", "figure", "section", "polyline", "title", "div"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and tag in ("svg", "table", "figure", "section", "polyline", "title", "div"):
            assert self.open.pop() == tag


def test_a_sweep_is_compared_by_what_its_runs_differ_in(tmp_path: Path) -> None:
    for job, (model, lr) in enumerate([("cnn", 0.001), ("lstm", 0.01), ("cnn", 0.1), ("lstm", 1)]):
        words = (f"model={model}", f"optimizer.lr={lr}", "logger=csv")
        make_run(tmp_path / "sweep" / str(job), 0.5 + 0.1 * job, words)
    page, _ = report(tmp_path / "sweep")
    elements = Elements(page)
    assert not elements.open and elements.found.count("svg") > 10
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles == [
        "Runs",
        "Parameters",
        "Loss",
        "Validation",
        "Speed",
        "Scores: test",
        "Thresholds",
    ]
    first = (
        page.index("sweep/3"),
        page.index("sweep/2"),
        page.index("sweep/1"),
        page.index("sweep/0"),
    )
    assert list(first) == sorted(first)
    assert "val/note_f1 against optimizer.lr" in page and "val/note_f1 against model" in page
    assert "against logger" not in page  # It is the same in all.
    assert "note_f1 (set maps)" in page and "added: octave" in page
    assert page.index("piece2") < page.index("piece1") < page.index("piece0")
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_a_resumed_run_shows_repeated_steps_once_and_a_cut_one_what_is_whole(
    tmp_path: Path,
) -> None:
    folder = make_run(tmp_path / "run", 0.8)
    with (folder / "metrics.csv").open("a") as file:
        file.write(",8,,0.25,0.9,,\n,10,nan,,,,\n,12,oops,,,,\n,14,0.")
    for name in ("test.csv", "test.json", ".hydra/overrides.yaml"):
        (folder / name).unlink()
    (folder / "thresholds.json").write_text('{"thresholds": ')
    page, complaints = report(folder)
    lines = complaints.strip().splitlines()
    assert len(lines) == 4 and all(line.startswith("report.py: run: ") for line in lines)
    assert "train/loss is nan" in complaints and "oops" in complaints
    assert "3 cells, expected 7" in complaints and "thresholds.json cannot be read" in complaints
    assert page.count('class="fault"') == 4
    assert "0.900" in page  # The later value of step 8.
    assert "Scores" not in page and "Thresholds" not in page


def test_an_evaluation_alone_is_shown(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "evaluation", 0.8)
    (folder / "metrics.csv").unlink()
    page, complaints = report(folder)
    assert complaints == "" and "<h2>Scores: test</h2>" in page and "<h2>Loss</h2>" not in page


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_what_is_no_run_is_one_line(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "a" / kind
    if kind == "empty":
        place.mkdir(parents=True)
    page, complaints = report(place, fails=True)
    assert page == "" and complaints.count("\n") == 1
    assert complaints.startswith(f"report.py: {place}: no ") and "expected" in complaints


def test_names_with_markup_are_text(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "<b>bold", 0.8, ("name=<script>",))
    other = make_run(tmp_path / "other", 0.7)
    page, _ = report(folder, other)
    assert "<b>bold" not in page and "<script>" not in page
    assert "&lt;b&gt;bold" in page
