"""What Prometheus reads: requests, recordings, time, how full the house is."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        own = self.registry
        self.requests = Counter(
            "amt_requests", "Requests answered.", ("route", "method", "status"), registry=own
        )
        self.latency = Histogram(
            "amt_request_seconds",
            "From the head of a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=own,
        )
        self.inside = Gauge(
            "amt_requests_inside", "Requests that wait or are served.", registry=own
        )
        self.recordings = Counter(
            "amt_recordings", "Recordings by what became of them.", ("outcome",), registry=own
        )
        self.audio = Counter("amt_audio_seconds", "Seconds of audio transcribed.", registry=own)
        self.computing = Counter(
            "amt_computing_seconds", "Seconds that transcribing it took.", registry=own
        )
        self.model = Gauge("amt_model", "The one that answers.", ("name", "version"), registry=own)
