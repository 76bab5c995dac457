"""Command-line options: those that several commands share, and options from dataclass fields."""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import types
import typing
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.io.folders import user_path

if TYPE_CHECKING:
    from amt.inference.backends.exported import Backend
    from amt.inference.retuning import Retuning
    from amt.inference.transcriber import Transcriber

# A folder for results is not given such a name by intent.
RESULT_SUFFIXES = (
    ".mid", ".midi", ".json", ".csv", ".tsv", ".png", ".wav", ".html", ".musicxml", ".pdf", ".svg",
)  # fmt: skip

# Shared options: output folder and model.


def add_output_option(parser: argparse.ArgumentParser, folder: str) -> None:
    """Add --output, a folder for the results; the default is `folder`."""
    parser.add_argument(
        "--output",
        type=local_or_uri,
        default=Path(folder),
        metavar="DIR",
        help="folder for the results, or gs://BUCKET/FOLDER; existing results are replaced "
        "(default: %(default)s)",
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a model, and how it is computed and used."""
    from amt.inference.pretrained import DEFAULT, pretrained_names

    names, add = pretrained_names(), parser.add_argument
    add_weights = parser.add_mutually_exclusive_group().add_argument
    add_weights(
        "--model",
        choices=names or None,
        default=DEFAULT,
        metavar="NAME",
        help=f"a pretrained model: {', '.join(names)} (default: %(default)s)",
    )
    own = "your own model: a checkpoint (.ckpt, .safetensors) or a folder of `amt export`; or gs://"
    add_weights("--ckpt", type=local_or_uri, metavar="PATH", help=own)
    add("--device", default="auto", help="cpu, cuda, cuda:1 ... (default: a GPU if available)")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="precision of the network (default: bfloat16 on CPUs that multiply it in hardware)",
    )
    add(
        "--backend",
        choices=("auto", "torchscript", "onnx"),
        default="auto",
        help="for a folder of `amt export`: torchscript, which is faster (default), or onnx, which "
        "cannot contain code",
    )
    add(
        "--tuning",
        type=tuning,
        default="auto",
        metavar="T",
        help="auto (default) corrects recordings that are out of tune, run fast or slow, or drift, "
        "up to half a semitone; off does not; a number is the frequency of A4 in Hz, such as 415, "
        "which is taken out in place of what is heard",
    )


def load_transcriber(arguments: argparse.Namespace) -> Transcriber:
    """The transcriber that the options of `add_model_options` choose.

    Raises CheckpointError or ValueError.
    """
    checkpoint = chosen_checkpoint(arguments.model, arguments.ckpt)
    chosen = arguments.device, arguments.precision, arguments.backend
    return dataclasses.replace(load_checkpoint(*chosen, checkpoint), tuning=arguments.tuning)


def chosen_checkpoint(model: str, ckpt: Path | str | None) -> Path:
    """The file or folder of the model that --model or --ckpt choose. Raises CheckpointError."""
    from amt.inference.pretrained import find_checkpoint, pretrained_checkpoint

    return find_checkpoint(str(ckpt)) if ckpt else pretrained_checkpoint(model)


def load_checkpoint(device: str, precision: str, backend: Backend, checkpoint: Path) -> Transcriber:
    """The model of `checkpoint`, as --device, --precision and --backend say.

    Raises CheckpointError or ValueError.
    """
    from amt.device import pick_device
    from amt.inference.transcriber import Transcriber

    return Transcriber.load(checkpoint, pick_device(device), precision, backend)


def file_or_folder(text: str) -> Path:
    """A `type` for argparse: a path, ~ expanded, which may be missing."""
    try:
        return user_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def local_or_uri(text: str) -> Path | str:
    """A `type` for argparse: a path, ~ expanded, or a gs:// URI. A malformed URI is an error."""
    from amt.cloud.objects import split_place

    if "://" not in text:
        return file_or_folder(text)
    try:
        split_place(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def threshold(text: str) -> float:
    """A `type` for argparse: a probability of an onset, as the server takes it."""
    if (value := float(text)) and 0.01 <= value < 1:
        return value
    raise argparse.ArgumentTypeError(f"{text}: expected 0.01 to below 1")


def tuning(text: str) -> Retuning:
    """A `type` for argparse: auto, off or the frequency of A4 in Hz."""
    from amt.inference.retuning import parse_retuning

    try:
        return parse_retuning(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def at_least_one(text: str) -> int:
    """A `type` for argparse: a number of things, 1 or more."""
    if (value := int(text)) >= 1:
        return value
    raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")


def make_output_folder(folder: Path | str) -> None:
    """Make the folder of --output. Raises ValueError if it cannot be used: no file can be written,
    its name is that of a file, or it is in a bucket that cannot be read.
    """
    if isinstance(folder, str):
        from amt.cloud.lake import open_lake

        open_lake(folder).stat("results")  # Requests for an object show whether there is a bucket.
        return
    if folder.is_file() or (not folder.exists() and folder.suffix.lower() in RESULT_SUFFIXES):
        advice = f"expected a folder for the results, such as --output {folder.stem}-results"
        raise ValueError(f"--output {folder} is the name of a file; {advice}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        advice = "choose another folder with --output"
        raise ValueError(f"--output {folder}: {error.strerror}; {advice}") from error


def comma_separated(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """A `type` for argparse: one or more of the words `allowed`, separated by commas."""

    def parse(text: str) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(text.replace(" ", "").lower().split(",")))
        if not set(words) <= set(allowed):
            expected = ",".join(allowed)
            raise argparse.ArgumentTypeError(f"{text!r}: expected one or more of {expected}")
        return words

    return parse


# Options from the fields of a dataclass.


def add_dataclass_options(
    parser: argparse.ArgumentParser, cls: type, without: Collection[str]
) -> None:
    """Add an option for every field of the dataclass `cls` except those named in `without`."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name not in without:
            _add_field_option(parser, field, hints[field.name])


def build_dataclass(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, cls: type
) -> Any:
    """An instance of `cls` from parsed arguments; exits with usage if a required one is missing."""
    fields = dataclasses.fields(cls)
    missing = [f for f in fields if f.default is dataclasses.MISSING and f.name not in arguments]
    if missing:
        parser.error(f"give {' and '.join(map(_option_name, missing))}")
    return cls(**{f.name: getattr(arguments, f.name) for f in fields if f.name in arguments})


def _add_field_option(parser: argparse.ArgumentParser, field: dataclasses.Field, hint: Any) -> None:
    alternatives = _union_members(hint)
    scalars = {_scalar_type(alternative) for alternative in alternatives} - {type(None)}
    settings: dict[str, Any] = {
        # An option that is not given is absent from the namespace: the field's default applies.
        "default": argparse.SUPPRESS,
        "dest": field.name,
        "help": f"(default: {_default_text(field.default)})",
    }
    if field.default is dataclasses.MISSING:
        settings["help"] = "(required)"
    if scalars == {bool}:
        parser.add_argument(_option_name(field), action=argparse.BooleanOptionalAction, **settings)
        return
    if any(_is_sequence(alternative) for alternative in alternatives):
        settings["nargs"] = "+"
    scalar = scalars.pop() if len(scalars) == 1 else str
    parser.add_argument(_option_name(field), type=scalar, metavar=field.name.upper(), **settings)


def _option_name(field: dataclasses.Field) -> str:
    return f"--{field.name.replace('_', '-')}"


def _union_members(hint: Any) -> tuple[Any, ...]:
    """The members of a union type; of another type the type itself."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _is_sequence(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _scalar_type(hint: Any) -> type:
    """The type of one value: of the items of a sequence, of the choices of a Literal."""
    if _is_sequence(hint):
        return _scalar_type(typing.get_args(hint)[0])
    return type(typing.get_args(hint)[0]) if typing.get_origin(hint) is typing.Literal else hint


def _default_text(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
