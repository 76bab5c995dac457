"""Messages in one line."""

from __future__ import annotations

import warnings

import pytest
from torch.utils.data import DataLoader, Dataset

from amt.errors import DeviceWarning, FileWarning, escaped, one_line, warn_in_one_line


def test_warnings_for_users_are_one_line_and_others_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    others = warnings.formatwarning("old", DeprecationWarning, "a.py", 1, "line")
    warn_in_one_line("evaluate.py")
    for category in (FileWarning, DeviceWarning):
        text = warnings.formatwarning(category("a.wav:\nodd"), category, "a.py", 1, "line")
        assert text == "evaluate.py: a.wav: odd\n"
    assert warnings.formatwarning("old", DeprecationWarning, "a.py", 1, "line") == others


class Broken(Dataset):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise ValueError("a.wav: damaged;\ndownload it again")


def test_an_error_in_a_worker_is_its_message_without_the_traceback() -> None:
    with pytest.raises(ValueError, match="Traceback") as caught:
        list(DataLoader(Broken(), num_workers=1))
    assert one_line(caught.value) == "a.wav: damaged; download it again"
    assert one_line(ValueError("a\n b" * 99), 10) == "a ba ba..."
    assert one_line(ValueError()) == "ValueError"


def test_a_file_name_with_a_line_break_stays_on_its_line() -> None:
    assert escaped("a\nb\r\x1b[1m é\t.wav") == r"a\nb\r\x1b[1m é\t.wav"
    assert escaped('a  b\'s "c" \\n.wav') == 'a  b\'s "c" \\n.wav'
