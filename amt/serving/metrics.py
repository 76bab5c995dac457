"""Prometheus metrics of the server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
_CERTAINTIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_F1 = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_LEVELS = (-70, -60, -50, -45, -40, -35, -30, -25, -20, -15, -10, 0)


class Metrics:
    """The metrics of one server, in a registry of their own (prometheus_client adds _total)."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self.requests = Counter(
            "amt_requests", "HTTP requests.", ("route", "method", "status"), registry=registry
        )
        self.request_duration = Histogram(
            "amt_request_duration_seconds",
            "Time from the head of a request to the end of its response.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.requests_in_progress = Gauge(
            "amt_requests_in_progress",
            "Transcription requests that are being processed or are waiting.",
            registry=registry,
        )
        self.recordings = Counter(
            "amt_recordings",
            "Recordings by outcome: transcribed, refused or failed.",
            ("outcome",),
            registry=registry,
        )
        self.audio_seconds = Counter(
            "amt_audio_seconds", "Seconds of audio transcribed.", registry=registry
        )
        self.transcription_seconds = Counter(
            "amt_transcription_seconds",
            "Seconds spent decoding and transcribing audio.",
            registry=registry,
        )
        self.rejected = Counter(
            "amt_rejected_recordings",
            "Recordings that were rejected, by reason: too_long, not_audio, not_found or failed.",
            ("reason",),
            registry=registry,
        )
        self.certainty = Histogram(
            "amt_recording_certainty",
            "Mean height of the onset posteriors that became notes, of each recording.",
            buckets=_CERTAINTIES,
            registry=registry,
        )
        self.estimated_f1 = Histogram(
            "amt_recording_estimated_f1",
            "Note F1 of each recording, estimated by the model's reference profile.",
            buckets=_F1,
            registry=registry,
        )
        self.level = Histogram(
            "amt_recording_level_db",
            "RMS level of each recording, in dB of full scale.",
            buckets=_LEVELS,
            registry=registry,
        )
        self.model = Gauge(
            "amt_model_info",
            "Name and version of the loaded model, as labels; the value is 1.",
            ("name", "version"),
            registry=registry,
        )
