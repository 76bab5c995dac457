"""The `amt` command. Modules are imported where they are used, so that `amt --help` is fast."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from amt import __version__

# Each is a file in amt/commands with a function `add`.
COMMANDS = ("transcribe", "describe", "synth", "prepare", "export", "serve", "deploy")
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; errors are printed as one line on stderr."""
    words = sys.argv[1:] if words is None else words
    _silence_libraries()
    _use_passive_threads()
    try:
        arguments = _parser(words).parse_args(words)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
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


def _print_error(text: str, code: int = 1) -> int:
    print(f"amt: {' '.join(text.split())}", file=sys.stderr)
    return code


def _silence_libraries() -> None:
    """Do not show warnings of libraries, on which users cannot act; `python -W` shows them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)


def _use_passive_threads() -> None:
    """Let OpenMP threads sleep while they wait. Must be set before torch is imported.

    An LSTM's threads wait for each other at every time step. By default they do so in a busy loop,
    which is up to 20 times slower if other programs use the same cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("amt", description="Automatic piano transcription.")
    parser.add_argument("--version", action="version", version=f"amt {__version__}")
    commands = parser.add_subparsers(required=True)
    for name in COMMANDS:
        importlib.import_module(f"amt.commands.{name}").add(commands, words)
    return parser


if __name__ == "__main__":
    sys.exit(main())
