"""The time of sound by the time stamps that ffmpeg writes."""

import pytest

from amt.io.film_clock import Gap, read_clock


def stamps(*frames: tuple[int, int], rate: int = 1000) -> list[str]:
    """What ffmpeg writes for frames of a time stamp and a duration each."""
    lines = ["#software: test", f"#tb 0: 1/{rate}", "#tb 1: 1/90000"]
    return lines + [f"0, {time}, {time}, {duration}, 8, 0x0" for time, duration in frames]


@pytest.mark.parametrize(
    ("frames", "gaps"),
    [
        ([(0, 100), (100, 100)], []),
        ([(30, 100), (130, 100)], []),
        # A decoder's delay at the start is no gap, and none later.
        ([(90, 100), (190, 100), (290, 100)], []),
        ([(900, 100), (1000, 100)], [Gap(0, 0.9)]),
        ([(0, 100), (100, 100), (2200, 100), (2300, 100)], [Gap(0.2, 2.0)]),
        ([(1000, 100), (1400, 100)], [Gap(0, 1.0), Gap(0.1, 0.3)]),
        # Small gaps add up.
        ([(0, 100), (130, 100), (260, 100), (390, 100)], [Gap(0.2, 0.06)]),
        # Time stamps are rounded, or start again where files were joined.
        ([(0, 100), (103, 100), (199, 100), (301, 100)], []),
        ([(0, 100), (100, 100), (0, 100), (100, 100), (500, 100)], [Gap(0.4, 0.3)]),
        ([], []),
    ],
)
def test_gaps_between_time_stamps(frames: list[tuple[int, int]], gaps: list[Gap]) -> None:
    clock = read_clock(stamps(*frames))
    assert clock.error == "" and clock.restart is None
    assert [(gap.after, round(gap.seconds, 6)) for gap in clock.gaps] == [
        (gap.after, gap.seconds) for gap in gaps
    ]


def test_time_stamps_that_jump_by_hours_are_an_error() -> None:
    frames = [(0, 100), (10**8, 100), (10**8 + 100, 100), (10**8 + 500, 100)]
    clock = read_clock(stamps(*frames))
    assert "jump by 100000 s" in clock.error
    assert clock.gaps == [Gap(0.3, 0.3)]


def test_a_raw_stream_starts_at_0_whatever_its_first_time_stamp() -> None:
    lines = stamps((104, 104), (208, 104), (1312, 104))
    assert read_clock(lines).gaps == [Gap(0, 0.104), Gap(0.208, 1.0)]
    assert read_clock(lines, has_start=False).gaps == [Gap(0.208, 1.0)]


def test_time_stamps_that_stand_still_for_a_second_start_again() -> None:
    first = [(1000 + 100 * number, 100) for number in range(5)]
    assert read_clock(stamps(*first, *[(1400, 100)] * 9)).restart is None
    clock = read_clock(stamps(*first, *[(1400, 100)] * 11, (1500, 100)))
    assert clock.gaps == [Gap(0, 1.0)]
    assert clock.restart == pytest.approx(1.5)


def test_the_film_ends_with_its_last_frame() -> None:
    frames = ["1, -3600, 0, 3600, 9, 0x0", "1, 0, -9223372036854775808, 3600, 9, 0x0", "1, 99"]
    assert read_clock([*stamps((0, 100)), *frames]).end == pytest.approx(0.04)
    assert read_clock(stamps((0, 100))).end == 0
