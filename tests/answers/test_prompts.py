"""What prompts ask for: tables of paraphrases with known answers, typing errors, any text."""

import csv
import random
import string
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from asked_pieces import lament, song
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.answers.answer import Answer, answer_offline
from amt.answers.facts import FACT
from amt.answers.piece import Piece
from amt.answers.prompts import parse
from amt.answers.prompts_patterns import PATTERNS
from amt.answers.prompts_text import MAX_CHARACTERS, MEANING, plain, typing_errors
from amt.answers.prompts_times import mark_places
from amt.notes import Notes

TABLES = sorted(Path(__file__).parent.glob("prompts*.tsv"))
PIECES: dict[str, Piece | None] = {"song": song(), "lament": lament(), "none": None}
SONG = PIECES["song"]


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def is_right(row: dict[str, str], answer: Answer) -> bool:
    """Whether an answer has the facts of a row, in any order, and all texts it must contain.

    One fact is enough where a row names it for two: the chord of a time is said with its notes.
    """
    wanted = [] if row["facts"] == "help" else [one.split("/") for one in row["facts"].split(",")]
    found = {fact["name"] for fact in answer.facts}
    texts = [text.strip().lower() for text in (row["answer"] or "").split(";")]
    return (
        len(answer.facts) <= len(wanted)
        and all(found.intersection(one) for one in wanted)
        and found <= {name for one in wanted for name in one}
        and all(text in answer.response.lower() for text in texts)
    )


def wrong_prompts(table: Path) -> list[str]:
    return [
        row["prompt"]
        for row in rows(table)
        if not is_right(row, answer_offline(row["prompt"], PIECES[row["piece"]]))
    ]


def test_nearly_all_prompts_are_answered_right() -> None:
    """The others than the first were written by people who had not seen the parser."""
    wrong = {table.stem: wrong_prompts(table) for table in TABLES}
    asked = {table.stem: len(rows(table)) for table in TABLES}
    assert sum(map(len, wrong.values())) <= 0.05 * sum(asked.values()), wrong
    assert all(len(wrong[name]) <= 0.1 * asked[name] for name in asked), wrong


def test_the_first_table_is_long_and_asks_for_every_fact_of_the_application() -> None:
    asked = {name for row in rows(TABLES[0]) for name in row["facts"].replace("/", ",").split(",")}
    assert len(rows(TABLES[0])) >= 100
    assert asked - {"help"} <= set(FACT)
    assert len(asked) > 25


def test_every_pattern_names_a_fact_and_known_words() -> None:
    marks = {"@time", "@bar", "@part", "@note", "@chord", "@only"}
    words = {word for _, pattern in PATTERNS for word in pattern.replace("|", " ").split()}
    assert {fact for fact, _ in PATTERNS} <= set(FACT)
    assert words <= set(MEANING.values()) | marks


def misspelled(prompt: str, generator: random.Random) -> str:
    """A prompt with one error in one of its words of five letters or more."""
    words = prompt.split(" ")
    long = [place for place, word in enumerate(words) if word.isalpha() and len(word) >= 5]
    if not long:
        return prompt
    place = generator.choice(long)
    word, at = words[place], generator.randrange(1, len(words[place]) - 1)
    letter = generator.choice(string.ascii_lowercase)
    errors = (
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    )
    return " ".join([*words[:place], generator.choice(errors), *words[place + 1 :]])


def test_one_typing_error_changes_few_answers() -> None:
    generator = random.Random(0)
    asked = [row for row in rows(TABLES[0]) if row["facts"] != "help"]
    right = [
        is_right(row, answer_offline(misspelled(row["prompt"], generator), PIECES[row["piece"]]))
        for row in asked
    ]
    assert sum(right) >= 0.9 * len(right)


@pytest.mark.parametrize(
    ("word", "other", "errors"),
    [
        ("note", "note", 0),
        ("ntoe", "note", 1),
        ("not", "note", 1),
        ("nite", "note", 1),
        ("", "abc", 3),
    ],
)
def test_typing_errors_are_counted(word: str, other: str, errors: int) -> None:
    assert typing_errors(word, other) == errors


@pytest.mark.parametrize(
    ("text", "marked", "place"),
    [
        ("chord at 0:12", "chord @time0", {"time": 12}),
        ("chord at 1:02:03", "chord @time0", {"time": 3723}),
        ("chord at 1 minute and 5 seconds", "chord @time0", {"time": 65}),
        ("chord at twenty five seconds", "chord @time0", {"time": 25}),
        ("chord at second 12", "chord @time0", {"time": 12}),
        ("notes between 0:10 and 0:20", "notes @part0", {"start": 10, "stop": 20}),
        ("notes from 20 to 10 seconds", "notes @part0", {"start": 10, "stop": 20}),
        ("notes in the first half a minute", "notes @part0", {"start": 0, "stop": 30}),
        ("notes in the last 10 seconds", "notes @part0", {"start": 22, "stop": 32}),
        ("notes in the second half", "notes @part0", {"start": 16, "stop": 32}),
        ("notes after 0:20", "notes @part0", {"start": 20}),
        ("notes before 0:20", "notes @part0", {"stop": 20}),
        ("notes at the end", "notes @part0", {"start": 22, "stop": 32}),
        ("notes in bar 3", "notes @bar0", {"bar": 3}),
        ("notes in the second bar", "notes @bar0", {"bar": 2}),
        ("notes in the last bar", "notes @bar0", {"bar": -1}),
        ("bars 2 to 4", "@part0", {"start": 2, "stop": 8}),
        ("the last chord", "the @time0 chord", {"time": 30}),
    ],
)
def test_times_parts_and_bars(text: str, marked: str, place: dict[str, float]) -> None:
    assert SONG is not None
    found, places = mark_places(text, SONG)
    assert found.strip() == marked
    assert places[0] == pytest.approx(place, abs=0.05)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("How often is C4 played?", ["C4"]),
        ("how many bb3 and f#5", ["Bb3", "F#5"]),
        ("count E flat and G sharps", ["Eb", "G#"]),
        ("is middle C used", ["C4"]),
        ("HOW OFTEN IS A NOTE PLAYED", []),
        ("Is a C heard?", ["C"]),
        ("is it in C major", []),
    ],
)
def test_note_names(text: str, names: list[str]) -> None:
    assert plain(text)[1] == names


@pytest.mark.parametrize(
    ("prompt", "questions"),
    [
        ("highest and lowest note at 0:12", [("highest_note", 7, 17), ("lowest_note", 7, 17)]),
        ("what is the key and what chord is at 0:12", [("key",), ("chord_at", 12)]),
        ("what chord is at 0:03 and at 0:12?", [("chord_at", 3), ("chord_at", 12)]),
        ("In the first 4 seconds, how many notes?", [("note_count", 0, 4)]),
        ("most common note and chord", [("most_common_note",), ("most_common_chord",)]),
        ("how often are C4 and D4 played", [("count_of_note", "C4"), ("count_of_note", "D4")]),
        ("tempo key chords tempo", [("tempo",), ("key",), ("chords",)]),
        ("top three notes", [("most_common_note", 3)]),
        ("what chord plays at 0:03 and what key are we in there?", [("chord_at", 3), ("key", 3)]),
        ("which notes at 0:03, and which chord is it then", [("notes_at", 3), ("chord_at", 3)]),
        ("At 0:03, what key is it? And what chord?", [("key", 3), ("chord_at", 3)]),
        ("At 0:03 which chord? What is the tempo?", [("chord_at", 3), ("tempo",)]),
        ("At 0:03 which chord, and the overall tempo", [("chord_at", 3), ("tempo",)]),
        ("chord at 0:03 and how many notes are there", [("chord_at", 3), ("note_count",)]),
        ("the longest note? and the shortest one?", [("longest_note",), ("shortest_note",)]),
        ("How fast is a cheetah?", []),
        ("How fast is the pianist?", [("tempo",)]),
        ("Is it longer than ten seconds?", [("duration",)]),
    ],
)
def test_arguments(prompt: str, questions: list[tuple[object, ...]]) -> None:
    found = [(fact, *arguments.values()) for fact, arguments in parse(prompt, SONG)]
    assert found == questions


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the A minor chord", ["Am"]),
        ("an a minor chord", ["Am"]),
        ("is there a minor chord", []),
        ("Bb major triads", ["Bb"]),
        ("the B flat minor seventh chord", ["Bbm7"]),
        ("the half-diminished chord", []),
        ("a b half-diminished chord", ["Bm7b5"]),
        ("chord of F#7 at 0:12", ["F#7"]),
        ("where is C♯m", ["C#m"]),
        ("C dominant seventh chord", ["C7"]),
        ("C aug 7 chord", []),
        ("Am I in A minor", []),
        ("WHERE IS THE F MAJOR CHORD", ["F"]),
    ],
)
def test_chord_names(text: str, names: list[str]) -> None:
    assert plain(text)[1] == names


QUESTION_WORDS = """
what is the most common note key at 0:12 bar first last second 10 seconds from to between and . ,
? half minute top 3 C4 Bb sharp flat middle c chord a b : - / @time0 @note3 @bar9 9999999999999999
0:99 1e308 Am F#m7 C aug chord 1:2:3:4 minutes after before until end start twenty -1 0 mood ten
pedal
"""


def any_texts(count: int) -> Iterator[str]:
    """Random characters, printable characters, and words of questions in any order."""
    generator = random.Random(1)
    words = QUESTION_WORDS.split()
    for number in range(count):
        length = generator.randrange(1, 30)
        if number % 3 == 0:
            yield "".join(chr(generator.randrange(1, 0xD800)) for _ in range(length))
        elif number % 3 == 1:
            yield "".join(generator.choice(string.printable) for _ in range(2 * length))
        else:
            yield " ".join(generator.choice(words) for _ in range(length))


def test_ten_thousand_texts_are_parsed() -> None:
    """What they ask for has valid arguments; one in fifty is answered, with and without notes."""
    empty = Piece(Notes.empty(), 0.0)
    for number, text in enumerate(any_texts(10_000)):
        for fact, arguments in parse(text, SONG):
            assert set(arguments) <= set(FACT[fact].parameters["properties"])
        if number % 50 == 0:
            assert answer_offline(text, SONG).response
            assert answer_offline(text, empty).response


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    assert answer_offline(text, SONG).response
    assert answer_offline(text, None).response


@pytest.mark.parametrize(
    "part",
    ["a", "and ", "0:12 ", "what note ", "1 minute and ", "bar 2 to ", "qzjxkvbn wpfgh ", "\x00"],
)
def test_a_long_text_is_cut_and_takes_no_time(part: str) -> None:
    text = part * (100_000 // len(part))
    start = time.thread_time()
    answer_offline(text, SONG)
    # A hundredth of it is needed. Of this thread: OpenMP of other tests may still be spinning.
    assert time.thread_time() - start < 1
    assert len(plain(text)[0]) < 3 * MAX_CHARACTERS
