"""The `amt` command. Modules are imported where they are used, so that `amt --help` is fast."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt import __version__
from amt.errors import DeviceWarning, FileWarning

# Each is a file in amt/commands with a function `add`.
COMMANDS = (
    "transcribe", "score", "describe", "ask", "synth", "prepare", "export", "serve", "app",
    "deploy", "feedback", "retrain", "registry", "monitor",
)  # fmt: skip
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; errors are printed as one line on stderr."""
    words_of_process = words is None
    words = [_not_an_option(word) for word in (sys.argv[1:] if words is None else words)]
    _open_closed_streams()
    _silence_libraries()
    _print_any_name()
    _use_passive_threads()
    try:
        arguments = _parse(words)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        if words_of_process:  # Which is ending: another Ctrl-C would print a traceback.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _print_error("interrupted; finished results are kept", INTERRUPTED)
    except BrokenPipeError:
        # The reader of the output (head, less) has ended; Python would print another error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _print_error(f"{place}{error.strerror or error}")
    except ValueError as error:
        return _print_error(str(error))
    except (ImportError, MemoryError) as error:
        # Libraries that cannot be loaded, also because too little memory is left for them.
        return _print_error(f"{type(error).__name__}: {error}")


def _print_error(text: str, code: int = 1) -> int:
    print(f"amt: {' '.join(text.split())}", file=sys.stderr)
    return code


def _silence_libraries() -> None:
    """Show no warnings but those of files and devices, in one line; on others users cannot act.

    `python -W` shows all of them.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        for category in (FileWarning, DeviceWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = _print_warning
        logging.disable(logging.WARNING)


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    from tqdm import tqdm

    # Above a progress bar, if one is drawn.
    tqdm.write(f"amt: {' '.join(str(message).split())}", file=sys.stderr)


def _not_an_option(word: str) -> str:
    """A file called -NAME.SUFFIX as ./-NAME.SUFFIX, which is not taken for an option."""
    path = Path(word)
    return f"./{word}" if word.startswith("-") and path.suffix and path.exists() else word


def _open_closed_streams() -> None:
    """Discard what would be printed where stdout or stderr is closed (`>&-`, pythonw)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _print_any_name() -> None:
    """Escape what stdout cannot show, such as file names in other encodings; no error is raised."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _use_passive_threads() -> None:
    """Let OpenMP threads sleep while they wait. Must be set before torch is imported.

    An LSTM's threads wait for each other at every time step. By default they do so in a busy loop,
    which is up to 20 times slower if other programs use the same cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    arguments, unknown = _parser(words).parse_known_args(words)
    command = vars(arguments).pop("command")
    if unknown:  # Said with the usage of the command, not of `amt`.
        command.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("amt", description="Automatic piano transcription.")
    parser.add_argument("--version", action="version", version=f"amt {__version__}")
    commands = parser.add_subparsers(required=True)
    for name in COMMANDS:
        importlib.import_module(f"amt.commands.{name}").add(commands, words)
    for command in commands.choices.values():
        command.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
