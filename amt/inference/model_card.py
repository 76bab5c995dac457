"""What is known of a checkpoint - data, licence, scores - and the model card that tells it."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from amt.models.checkpoint import WEIGHTS_SUFFIX, read_checkpoint

UNKNOWN = "not stated; that of the data it was trained on holds"
SPLITS = ("test", "validation")
# Of one file of amt to another, which an export does not bring along.
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)[^)]*\)")


@dataclass(frozen=True)
class ModelFacts:
    """name: of the model. data: what it was trained on. metrics: scores, by what they are of.

    card: a whole model card in Markdown, if its makers wrote one.
    """

    name: str
    data: str
    licence: str
    metrics: Mapping[str, Mapping[str, float]]
    card: str = ""


def model_facts(checkpoint: Path, licence: str | None = None) -> ModelFacts:
    """What a checkpoint and the files beside it tell; `licence` comes before what they say.

    Weights that are shipped have a card of their own beside them; a training run leaves tables of
    scores, and its configuration in the checkpoint. Raises CheckpointError.
    """
    settings = read_checkpoint(checkpoint).get("hyper_parameters", {})
    written = checkpoint.with_suffix(".md")
    if checkpoint.suffix == WEIGHTS_SUFFIX and written.is_file():
        text = written.read_text("utf-8")
        rows = _rows(text)
        data = next((row[1] for row in rows if row[0] == "trained on"), "see the card")
        told = str(settings.get("licence", UNKNOWN))
        name, text = str(settings["name"]), _LINK.sub(r"\1", text)
        return ModelFacts(name, data, licence or told, _scores(rows), text)
    recipe = settings.get("recipe", {})
    data = ", ".join(recipe.get("data", {}).get("sources", ())) or "not stated"
    run = checkpoint.resolve().parent.parent
    name = str(settings.get("name", recipe.get("name", checkpoint.stem)))
    told = str(settings.get("licence", UNKNOWN))
    return ModelFacts(name, data, licence or told, _means(run))


def card(facts: ModelFacts, described: Mapping[str, Any]) -> str:
    """A model card in Markdown: how the programs are used, and what is known of the model.

    described: what model.json says.
    """
    widths, files = described["outputs"], described["files"]
    outputs = ", ".join(f"`{name}` (B, T, {width})" for name, width in widths.items())
    sums = "\n".join(f"- SHA-256 of {name}: {found}" for name, found in files.items())
    known = facts.card or _table(facts)
    parity = ", ".join(f"{backend} {value:.1g}" for backend, value in described["parity"].items())
    return _CARD.format_map(
        {**described, "outputs": outputs, "sums": sums, "known": known, "parity": parity}
    )


_CARD = """# {name}, exported

From the waveform of a piano to posteriors of its notes, written by amt {version}.

- Licence: {licence}
- Input: `audio` (B, S), mono samples in float32 from -1 to 1, {sample_rate} a second; any B and S
- Outputs, from 0 to 1: {outputs}
- Frame t is centred at sample {hop_length} t, and T = ceil(S / {hop_length}); column k is the MIDI
  pitch 21 + k
- Largest difference to the posteriors of the checkpoint: {parity}
{sums}

```python
posteriors = torch.jit.load("model.pt")(audio)                   # a dict by name
posteriors = onnxruntime.InferenceSession("model.onnx").run(None, {{"audio": audio}})
notes = amt.inference.transcriber.Transcriber.load("DIR").transcribe("song.mp3")  # of any length
```

`model.json` says the same to programs, with the thresholds of the decoder. Load `model.pt` only
from someone you trust, since TorchScript can run code; `model.onnx` cannot.

{known}
"""


def _table(facts: ModelFacts) -> str:
    lines = [f"Trained on: {facts.data}.", "", "| scores | | |", "|---|---|---|"]
    for source, scores in facts.metrics.items():
        lines += [f"| {source} | {name} | {value:.3f} |" for name, value in scores.items()]
    return "\n".join(lines if facts.metrics else lines[:1])


def _rows(markdown: str) -> list[list[str]]:
    """The cells of all rows of all tables."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def _scores(rows: list[list[str]]) -> dict[str, dict[str, float]]:
    """Rows of numbers, by what stands before them and by the heads of their columns."""
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


def _means(run: Path) -> dict[str, dict[str, float]]:
    """The means of the pieces in the tables that a training run leaves in its folder."""
    means = {}
    for split in SPLITS:
        path = run / f"{split}.csv"
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            columns = [name for name in (rows[0] if rows else ()) if name.endswith("_f1")]
            values = {name: [float(row[name]) for row in rows if row[name]] for name in columns}
            means[f"{len(rows)} {split} pieces"] = {n: fmean(v) for n, v in values.items() if v}
    return means
