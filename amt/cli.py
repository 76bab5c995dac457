"""The `amt` command. Everything is imported where it is needed, so that nobody waits for more."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from amt import __version__

# Each a file of amt/commands.
COMMANDS = ("transcribe", "describe", "synth", "prepare", "export", "serve", "deploy")
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what goes wrong ends in one line on stderr."""
    words = sys.argv[1:] if words is None else words
    _hush_libraries()
    _share_processor()
    try:
        arguments = _parser(words).parse_args(words)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _complain("interrupted; what was finished stays", INTERRUPTED)
    except BrokenPipeError:
        # Who read the output (head, less) has gone; without this Python complains once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror or error}")
    except ValueError as error:
        return _complain(str(error))


def _complain(text: str, code: int = 1) -> int:
    print(f"amt: {' '.join(text.split())}", file=sys.stderr)
    return code


def _hush_libraries() -> None:
    """Keep the warnings of libraries from people who cannot act on them; `python -W` shows them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)


def _share_processor() -> None:
    """Let idle threads sleep. An LSTM makes its threads wait for each other at every step, and
    those that wait spinning stop the others wherever something else runs as well: 20 times slower.
    Must come before torch is imported.
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
