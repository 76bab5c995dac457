"""The Lightning data module. Spectrogram, augmentation and targets are computed on the device."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from amt.augment import Augmentation
from amt.cloud.objects import is_bucket_uri
from amt.data.cache import cache_folder, prepare
from amt.data.dataset import IndexSampler, Segments, ValidationExcerpts, collate
from amt.data.manifest import MANIFEST, Entry, Root, open_recording, read_manifest, warn_of_leaks
from amt.data.pieces import Source, SourceError, Split
from amt.data.sources.prepared import Prepared
from amt.data.targets import frame_mask, make_pedal_targets, make_targets
from amt.features.frontends import FrontEnd
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes

Batch = dict[str, Tensor]


class PianoDataModule(L.LightningDataModule):
    """Sources, their caches, and batches.

    sources: by name; each is decoded into a folder below `cache` before anything is read, unless it
    is `Prepared`. root, rooms, streamed_gb: unused here; the configuration of the sources refers to
    them. weights: how often a second of a source is drawn, by name (default 1). shares: fractions
    of all segments that are of a source, by name, whatever its duration; the others divide the rest
    by their weights. repeat: draw the same segments every epoch.

    After `on_after_batch_transfer` a batch also has spec (B, C, T, F), the targets of
    `amt.data.targets` (B, T, 88), pedal (B, T, 1) and mask (B, T).

    Raises SourceError where `weights` names an unknown source or a number is out of range.
    """

    def __init__(
        self,
        sources: Mapping[str, Source | Prepared],
        cache: str,
        root: str | None = None,
        rooms: str | None = None,
        streamed_gb: float | None = None,
        weights: Mapping[str, float] | None = None,
        shares: Mapping[str, float] | None = None,
        batch_size: int = 8,
        segment_seconds: float = 5.12,
        segments_per_epoch: int = 1024,
        validation_seconds: float = 30.0,
        extend_sustain: bool = True,
        target_width: float = 2.0,
        augmentation: Augmentation | None = None,
        loader_workers: int = 1,
        prepare_workers: int | None = None,
        repeat: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _require(1, batch_size=batch_size, segments_per_epoch=segments_per_epoch)
        _require(0, loader_workers=loader_workers, prepare_workers=prepare_workers or 0)
        # From one frame of the usual front ends to what memory can hold.
        _require(0.032, 3600.0, segment_seconds=segment_seconds)
        _require(0.032, 1e6, validation_seconds=validation_seconds)
        self.sources = dict(sources)
        self.caches = [_cache(cache, source) for source in self.sources.values()]
        _check_names(self.sources, weights=weights, shares=shares)
        self.weights = [dict(weights or {}).get(name, 1.0) for name in self.sources]
        self.shares = [dict(shares or {}).get(name) for name in self.sources]
        self.batch_size = batch_size
        self.segment_samples = round(segment_seconds * SAMPLE_RATE)
        self.segments_per_epoch = segments_per_epoch
        self.validation_samples = round(validation_seconds * SAMPLE_RATE)
        self.extend_sustain = extend_sustain
        self.target_width = target_width
        self.augmentation = augmentation
        self.loader_workers = loader_workers
        self.prepare_workers = prepare_workers
        self.repeat = repeat
        self.seed = seed
        self.received = 0.0  # When the last batch came from its loader: time.perf_counter().

    def prepare_data(self) -> None:
        for source, root in zip(self.sources.values(), self.caches, strict=True):
            if isinstance(source, Prepared):
                source.prepare()
                continue
            if not Path(str(root), MANIFEST).is_file():
                text = f"{source.name}: all pieces are decoded or rendered once, and kept in {root}"
                print(text, file=sys.stderr)  # Above the progress bar.
            report = prepare(source, str(root), self.prepare_workers)
            if report.problems:
                print(report)
        warn_of_leaks([entry for root in self.caches for entry in read_manifest(root)])

    def setup(self, stage: str) -> None:
        """Before training: raises SourceError where a split that training needs has no pieces."""
        if stage != "fit":
            return
        if self.augmentation is not None:
            self.augmentation.read_folders()
        _, world = self._rank()
        needed: dict[Split, int] = {"train": 1, "validation": world}
        for split, least in needed.items():
            found = len(self.entries(split))
            if found < least:
                names = ", ".join(self.sources)
                raise SourceError(
                    f"{found} {split} pieces in {names}, training needs {least}; {self.advice()}"
                )

    def advice(self) -> str:
        """What to type where a split has no pieces."""
        for name, source in self.sources.items():
            shares = [
                key for key in ("validation", "test") if isinstance(vars(source).get(key), float)
            ]
            if shares:
                typed = " ".join(f"data.sources.{name}.{key}=0.3" for key in shares)
                return f"of few pieces give more to it, such as {typed}"
        first = next(iter(self.sources))
        return f"choose another split of the pieces: data.sources.{first}.* (conf/data)"

    def entries(self, split: Split, source: str | None = None) -> list[tuple[Root, Entry]]:
        """The cached pieces of a split, of one source or all, each with the folder of its cache."""
        roots = dict(zip(self.sources, self.caches, strict=True))
        chosen = self.caches if source is None else [roots[source]]
        return [(root, entry) for root in chosen for entry in read_manifest(root, split)]

    def recordings(
        self, split: Split, source: str | None = None, names: Container[str] | None = None
    ) -> Iterator[tuple[str, np.ndarray, Notes]]:
        """Whole pieces of a split, one at a time: name, audio (S,), notes to the key release.

        source, names: only of this source, only of these names.
        """
        for root, entry in self.entries(split, source):
            if names is not None and entry.name not in names:
                continue
            recording = open_recording(root, entry)
            yield entry.name, recording.audio, recording.notes

    def train_dataloader(self) -> DataLoader:
        rank, world = self._rank()
        segments = Segments(
            self.caches,
            "train",
            self.segment_samples,
            self.seed,
            self.weights,
            self.extend_sustain,
            self.shares,
            world,
        )
        sampler = IndexSampler(self.segments_per_epoch, rank, world, self._drawn)
        return self._loader(segments, batch_size=self.batch_size, sampler=sampler)

    def val_dataloader(self) -> DataLoader:
        rank, world = self._rank()
        excerpts = ValidationExcerpts(
            self.caches, "validation", self.validation_samples, self.extend_sustain, world
        )
        shard = range(rank, len(excerpts), world)
        return self._loader(excerpts, batch_size=1, sampler=shard)

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        self.received = time.perf_counter()
        return batch

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        assert self.trainer is not None
        front_end = self.trainer.lightning_module.front_end
        assert isinstance(front_end, FrontEnd)
        generator = self._generator(batch) if self.trainer.training else None
        return self.compute(batch, front_end, generator)

    @torch.no_grad()
    def compute(
        self,
        batch: Batch,
        front_end: FrontEnd,
        generator: torch.Generator | None = None,
    ) -> Batch:
        """The batch with spectrogram and targets; augmented if a `generator` is given."""
        augmentation = self.augmentation if generator is not None else None
        if augmentation is not None:
            batch = _mixed(batch, augmentation, generator)
        audio, notes = batch["audio"], batch["notes"]
        if augmentation is not None:
            audio = augmentation.waveform(audio, generator)
        spec = front_end(audio)
        if augmentation is not None:
            spec, notes = augmentation.spectrogram(spec, notes, front_end.shape, generator)
        frames, rate = spec.shape[2], front_end.frame_rate
        mask = frame_mask(batch["length"], frames, front_end.hop_length)
        targets = make_targets(notes, frames, rate, self.target_width)
        targets["pedal"] = make_pedal_targets(batch["pedal"], frames, rate)
        return {**batch, "notes": notes, "spec": spec, "mask": mask, **targets}

    def _generator(self, batch: Batch) -> torch.Generator:
        """Random numbers that depend on seed, step and rank alone: a resumed run draws the same."""
        assert self.trainer is not None
        rank, world = self._rank()
        step = self.trainer.global_step
        generator = torch.Generator(batch["audio"].device)
        generator.manual_seed((self.seed * 1_000_003 + step) * world + rank)
        return generator

    def _drawn(self) -> int:
        """Segments drawn so far, in this run and in those that it resumes."""
        if self.trainer is None or self.repeat:
            return 0
        batches = self.trainer.global_step * self.trainer.accumulate_grad_batches
        return batches * self.batch_size * self.trainer.world_size

    def _rank(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def _loader(self, dataset: Dataset, **options: Any) -> DataLoader:
        return DataLoader(
            dataset,
            num_workers=self.loader_workers,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=False,
            **options,
        )


def _cache(folder: str, source: Source | Prepared) -> Root:
    """Where the decoded pieces of a source are. Raises SourceError for a folder that is none."""
    if isinstance(source, Prepared):
        return source.cache
    if is_bucket_uri(folder):
        raise SourceError(
            f"data.cache={folder}: expected a folder; a set on Cloud Storage is read by "
            "data=prepared paths.prepared=gs://BUCKET/prepared/SET"
        )
    return cache_folder(folder, source)


def _check_names(sources: Mapping[str, Any], **settings: Mapping[str, float] | None) -> None:
    """Raises SourceError for a setting by source that names an unknown one."""
    for setting, values in settings.items():
        if unknown := set(values or {}) - set(sources):
            expected = ", ".join(sources)
            raise SourceError(
                f"data.{setting} names the source {min(unknown)!r}; expected {expected}"
            )


def _require(least: float, most: float = math.inf, **numbers: float) -> None:
    """Raises SourceError for a number out of range, or that is not whole where `least` is."""
    kind, what = (int, "a whole number, ") if isinstance(least, int) else (int | float, "")
    above = "or more" if most == math.inf else f"to {most:g}"
    for name, number in numbers.items():
        if not isinstance(number, kind) or not least <= number <= most:
            raise SourceError(f"data.{name}={number}: expected {what}{least} {above}")


def _mixed(batch: Batch, augmentation: Augmentation, generator: torch.Generator | None) -> Batch:
    """A batch in which some examples are mixtures of two; their pedal counts as unknown."""
    mixture = augmentation.mix(batch["audio"], batch["notes"], batch["length"], generator)
    mixed = {"audio": mixture.audio, "notes": mixture.notes, "length": mixture.length}
    if "pedal_known" in batch:
        mixed["pedal_known"] = batch["pedal_known"] & ~mixture.mixed
    return {**batch, **mixed}
