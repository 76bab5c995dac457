"""Name, training data, licence and scores of a checkpoint, and the model card of an export."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from amt.models.checkpoint import WEIGHTS_SUFFIX, read_checkpoint

UNKNOWN = "not stated; the licence of the training data applies"
SPLITS = ("test", "validation")
# Markdown links to files of this repository, which an exported folder does not contain.
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)[^)]*\)")


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a model for its card.

    data: what it was trained on. metrics: scores by name, for each set of pieces. card: the text of
    a model card in Markdown that lies beside the weights, or nothing.
    """

    name: str
    data: str
    licence: str
    metrics: Mapping[str, Mapping[str, float]]
    card: str = ""


def model_info(checkpoint: Path, licence: str | None = None) -> ModelInfo:
    """What a checkpoint and the files beside it say; `licence` replaces the licence they state.

    Shipped weights have a model card (NAME.md) beside them. A training run writes its configuration
    into the checkpoint and tables of scores (test.csv, validation.csv) into its folder. Raises
    CheckpointError.
    """
    settings = read_checkpoint(checkpoint).get("hyper_parameters", {})
    licence = licence or str(settings.get("licence", UNKNOWN))
    card_path = checkpoint.with_suffix(".md")
    if checkpoint.suffix == WEIGHTS_SUFFIX and card_path.is_file():
        text = card_path.read_text("utf-8")
        rows = _table_rows(text)
        data = next((row[1] for row in rows if row[0] == "trained on"), "see the card")
        text = _LINK.sub(r"\1", text)
        return ModelInfo(str(settings["name"]), data, licence, _scores_in(rows), text)
    recipe = settings.get("recipe", {})
    data = ", ".join(recipe.get("data", {}).get("sources", ())) or "not stated"
    run_folder = checkpoint.resolve().parent.parent
    name = str(settings.get("name", recipe.get("name", checkpoint.stem)))
    return ModelInfo(name, data, licence, _mean_scores(run_folder))


def model_card(info: ModelInfo, description: Mapping[str, Any]) -> str:
    """The model card of an export in Markdown: how to use the files, training data, scores.

    description: the contents of model.json.
    """
    widths, files = description["outputs"], description["files"]
    outputs = ", ".join(f"`{name}` (B, T, {width})" for name, width in widths.items())
    sums = "\n".join(f"- SHA-256 of {name}: {value}" for name, value in files.items())
    about = info.card or _score_list(info)
    parity = ", ".join(f"{backend} {value:.1g}" for backend, value in description["parity"].items())
    return _CARD.format_map(
        {**description, "outputs": outputs, "sums": sums, "about": about, "parity": parity}
    )


_CARD = """# {name}, exported

Waveform of a piano recording to posteriors of its notes, exported by amt {version}.

- Licence: {licence}
- Input: `audio` (B, S), mono, float32 in -1..1, {sample_rate} samples per second; any B and S
- Outputs, in 0..1: {outputs}
- Last output of model.onnx: `features` (B, T, {features}), of which an embedding is made
- Frame t is centred at sample {hop_length} t, and T = ceil(S / {hop_length}); column k is the MIDI
  pitch 21 + k
- Audio more than 30 cents from A4 = 440 Hz: resample it first (`amt.Transcriber` does)
- Largest difference from the posteriors of the checkpoint: {parity}
{sums}

```python
posteriors = torch.jit.load("model.pt")(audio)                   # a dict by name
posteriors = onnxruntime.InferenceSession("model.onnx").run(None, {{"audio": audio}})
notes = amt.Transcriber.load("DIR").transcribe("song.mp3")       # a recording of any length
```

`model.json` holds the same facts in JSON, and the settings of the decoder. Load `model.pt` only if
you trust its author, since TorchScript files can run code; `model.onnx` cannot.

{about}
"""


def _score_list(info: ModelInfo) -> str:
    lines = [f"Trained on: {info.data}.", "", "| scores | | |", "|---|---|---|"]
    for source, scores in info.metrics.items():
        lines += [f"| {source} | {name} | {value:.3f} |" for name, value in scores.items()]
    return "\n".join(lines if info.metrics else lines[:1])


def _table_rows(markdown: str) -> list[list[str]]:
    """The cells of all rows of all tables in a Markdown text."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def _scores_in(rows: list[list[str]]) -> dict[str, dict[str, float]]:
    """The table rows that hold numbers only: by their first cell, then by column name."""
    scores, head = {}, [""]
    for first, *cells in rows:
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            if not set("".join(cells)) <= set("-: "):
                head = cells
        else:
            scores[first] = dict(zip(head, values, strict=False))
    return scores


def _mean_scores(run_folder: Path) -> dict[str, dict[str, float]]:
    """F1 scores averaged by piece, from the CSV tables in the folder of a training run."""
    means = {}
    for split in SPLITS:
        path = run_folder / f"{split}.csv"
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            columns = [name for name in (rows[0] if rows else ()) if name.endswith("_f1")]
            values = {name: [float(row[name]) for row in rows if row[name]] for name in columns}
            means[f"{len(rows)} {split} pieces"] = {n: fmean(v) for n, v in values.items() if v}
    return means
