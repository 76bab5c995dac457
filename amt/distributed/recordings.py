"""Transcribe one recording after another in a worker process, each once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amt.distributed.ledger import Done, Ledger, all_there, source_fingerprint
from amt.distributed.worker import Alive
from amt.inference.jobs import Job
from amt.io.audio import AUDIO_SUFFIXES

if TYPE_CHECKING:
    from amt.decoding.peaks import Ends
    from amt.inference.retuning import Retuning
    from amt.inference.transcriber import Transcriber
    from amt.inference.writers import Notation

State = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Request:
    """What is to be made of each recording.

    checkpoint: finds the model, load: loads it; both are called in each worker process. settings:
    what else the notes depend on, as text. run: the name of this run. redo: transcribe also what
    earlier runs have done. notation: as for `transcribe_jobs`.
    """

    checkpoint: Callable[[], Path]
    load: Callable[[Path], Transcriber]
    output: Path | str
    formats: tuple[str, ...]
    run: str
    ends: Ends = "sound"
    onset_threshold: float | None = None
    tuning: Retuning = "auto"
    piano: Path | None = None
    settings: str = ""
    redo: bool = False
    notation: Notation | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a recording.

    took: seconds. remark: on its tuning, and the tempo of its MIDI file. reason: why it failed.
    stop: every further recording would fail, too. remarks: what is unusual about the file.
    """

    job: Job
    state: State
    notes: int = 0
    seconds: float = 0.0
    took: float = 0.0
    remark: str = ""
    reason: str = ""
    stop: bool = False
    remarks: Sequence[str] = field(default_factory=tuple)


class Recordings:
    """A function from jobs to outcomes. The model is loaded once."""

    def __init__(self, request: Request, alive: Alive) -> None:
        from amt.inference.batch import options_for
        from amt.inference.transcriber import Options
        from amt.inference.writers import endings, load_player

        self.request, self.alive = request, alive
        self.ledger = Ledger(request.output)
        self.endings = endings(request.formats)
        checkpoint = request.checkpoint()
        self.settings = _digest(checkpoint, request)
        self.transcriber = request.load(checkpoint)
        self.player = load_player(request.piano)
        options = Options(request.ends, request.onset_threshold, threads=1, tuning=request.tuning)
        notation = request.notation
        self.options = options_for(self.transcriber, request.formats, options, notation)

    def __call__(self, job: Job) -> Outcome:
        from amt.inference.batch import error_line, is_output_error

        begin = time.perf_counter()
        remarks: list[str] = []
        try:
            outcome = self._present(job) or self._transcribe(job, remarks)
        except Exception as error:  # One unusual file must not stop the others.
            reason = error_line(error, job.source)
            outcome = Outcome(job, "failed", reason=reason, stop=is_output_error(error))
        return replace(outcome, took=time.perf_counter() - begin, remarks=remarks)

    def _present(self, job: Job) -> Outcome | None:
        """The outcome of a job that needs no work: its results are those of the same settings."""
        found = self.ledger.read(job)
        if found is None or found.settings != self.settings or found.source != str(job.source):
            return None
        # This run may have done it, in a process that was killed before it could say so.
        ours = found.run == self.request.run
        if (self.request.redo and not ours) or not set(self.endings) <= set(found.files):
            return None
        if found.fingerprint != source_fingerprint(job.source):
            return None
        if not all_there(job.target, self.endings):
            return None
        return Outcome(job, "done" if ours else "skipped", found.notes, found.seconds)

    def _transcribe(self, job: Job, remarks: list[str]) -> Outcome:
        from amt.inference.batch import refuse_to_overwrite, refuse_to_replace, require_file
        from amt.inference.remote import local_files
        from amt.inference.writers import readable_name, write_all

        self._refuse_inside(job)
        refuse_to_replace(set(), job, self.request.formats)
        fingerprint = source_fingerprint(job.source)
        with local_files(job.source, job.target) as (source, target):
            targets = [target.with_name(target.name + ending) for ending in self.endings]
            refuse_to_overwrite(set(), source, targets)
            result = self.transcriber.run(
                require_file(source),
                self.options,
                progress=lambda *_: self.alive(),
                check=self.alive,
                on_warning=remarks.append,
            )
            notation, title = self.request.notation, readable_name(source).replace("_", " ")
            remark = write_all(targets, result, self.player, notation, title)
        notes, seconds = len(result.notes), result.seconds
        done = Done(
            str(job.source), fingerprint, self.settings, self.endings, notes, seconds,
            self.request.run,
        )  # fmt: skip
        self.ledger.write(job, done)
        return Outcome(job, "done", notes, seconds, remark=remark)

    def _refuse_inside(self, job: Job) -> None:
        """Raises ValueError where results with sound might replace other recordings."""
        if not set(self.endings) & set(AUDIO_SUFFIXES) or type(job.source) is not type(job.target):
            return
        source, output = job.source, self.request.output
        if isinstance(source, Path) and isinstance(output, Path):
            inside = source.resolve().is_relative_to(output.resolve())
        else:
            inside = str(source).startswith(f"{str(output).rstrip('/')}/")
        if inside:
            raise ValueError(f"{source} is in the folder of the results; choose another --output")


def _digest(checkpoint: Path, request: Request) -> str:
    """A digest of what the results depend on: the model's files and the options."""
    paths = [checkpoint]
    if checkpoint.is_dir():
        paths = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    parts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    parts += [request.ends, str(request.onset_threshold), request.settings, str(request.notation)]
    parts.append(str(request.tuning))
    if "wav" in request.formats:
        parts.append(str(request.piano))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
