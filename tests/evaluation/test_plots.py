"""Piano-roll plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from amt.evaluation.plots import (
    MATCHED_COLOUR,
    PEDAL_COLOUR,
    UNMATCHED_COLOUR,
    comparison_figure,
    piano_roll_figure,
    row_seconds,
    save_figure,
)
from amt.notes import Notes, Pedal


def notes(*rows: tuple[float, float, int, int], pedal: Pedal | None = None) -> Notes:
    return Notes(*np.array(rows, dtype=float).reshape(-1, 4).T, pedal=pedal or Pedal())


REFERENCE = notes((0.5, 1.0, 60, 80), (1.0, 2.0, 64, 90), (4.0, 9.0, 67, 30))
ESTIMATE = notes((0.51, 1.2, 60, 70), (1.2, 2.0, 64, 90), (1.0, 1.5, 40, 20))


def boxes(figure: Figure, axis: int, colour: str) -> int:
    """How many rectangles of a colour an axis holds."""
    return sum(
        len(drawn.get_paths())
        for drawn in figure.axes[axis].collections
        if isinstance(drawn, PolyCollection) and len(drawn.get_paths())
        if np.allclose(drawn.get_facecolor()[0], to_rgba(colour))
    )


def test_missed_and_added_notes_have_their_own_colour() -> None:
    figure = comparison_figure(np.zeros((264, 100)), REFERENCE, ESTIMATE, 0.0, 10.0)
    spectrogram, reference, estimate = figure.axes
    assert spectrogram.images[0].get_array().shape == (264, 100)
    assert spectrogram.get_xlim() == reference.get_xlim() == estimate.get_xlim() == (0, 10)
    assert (boxes(figure, 1, MATCHED_COLOUR), boxes(figure, 1, UNMATCHED_COLOUR)) == (1, 2)
    assert (boxes(figure, 2, MATCHED_COLOUR), boxes(figure, 2, UNMATCHED_COLOUR)) == (1, 2)
    assert reference.get_title("left") == "reference: 3 notes, 2 missed"
    assert estimate.get_title("left") == "estimate: 3 notes, 2 added"


def test_only_what_sounds_between_start_and_stop_counts() -> None:
    figure = comparison_figure(None, REFERENCE, ESTIMATE, 3.0, 5.0)
    assert figure.axes[0].get_title("left") == "reference: 1 notes, 1 missed"
    assert figure.axes[1].get_title("left") == "estimate: 0 notes, 0 added"


def test_without_a_reference_velocity_is_the_colour() -> None:
    roll, bar = comparison_figure(None, None, ESTIMATE, 0.0, 2.0).axes
    (drawn,) = roll.collections
    assert sorted(drawn.get_array()) == [20, 70, 90]
    assert bar.get_ylabel() == "velocity"


def test_figures_without_notes(tmp_path: Path) -> None:
    empty = Notes.empty()
    save_figure(
        comparison_figure(np.full((229, 5), -5.0), empty, empty, 0.0, 1.0), tmp_path / "a.png"
    )
    save_figure(piano_roll_figure(empty, 0.0), tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size and (tmp_path / "b.png").stat().st_size


def test_a_long_piece_is_wrapped_into_rows() -> None:
    long = notes((0.0, 1.0, 21, 1), (19.5, 20.5, 60, 64), (199.0, 201.0, 108, 127))
    *rows, _ = piano_roll_figure(long, 201.0, "study").axes
    assert len(rows) == 11
    limits = [row.get_xlim() for row in rows]
    assert limits == [(20 * i, 20 * i + 20) for i in range(11)]
    drawn = [len(row.collections[0].get_paths()) for row in rows]
    assert drawn == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert {row.get_ylim() for row in rows} == {(19.5, 109.5)}


def test_the_pedal_is_drawn_at_the_foot() -> None:
    pedal = Pedal([1.0, 3.0, 4.0, 5.0], [64, 64, 67, 64], [127, 0, 127, 100])
    figure = piano_roll_figure(notes((0.0, 8.0, 60, 64), pedal=pedal), 8.0)
    strip = figure.axes[0].collections[1]
    assert np.allclose(strip.get_facecolor()[0], to_rgba(PEDAL_COLOUR))
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in strip.get_paths()]
    assert spans == [(1.0, 3.0), (5.0, 8.0)]


@given(st.floats(0.1, 100_000))
def test_rows_stay_few_enough_for_a_picture(seconds: float) -> None:
    assert seconds / row_seconds(seconds) <= 240


def test_saving_leaves_the_old_picture_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "roll.png"
    save_figure(piano_roll_figure(ESTIMATE, 3.0), path)
    width, height = Image.open(path).size
    assert width > 1000 and height > 100
    before = path.read_bytes()

    def fail(self: Figure, part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="No space"):
        save_figure(piano_roll_figure(ESTIMATE, 3.0), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
