"""The newest window as gauges, in a file that Prometheus' node exporter reads (textfile collector).

Names and labels: `alerts.yaml` beside this file uses them.
"""

from __future__ import annotations

from pathlib import Path

from amt.monitoring.comparison import VERDICTS
from amt.monitoring.windows import Drift


def write_gauges(path: Path, drift: Drift) -> None:
    """Write the gauges, atomically. Raises ValueError if prometheus_client is not installed."""
    try:
        from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
    except ModuleNotFoundError as error:
        advice = "install it with: pip install 'amt[serve]'"
        raise ValueError(f"--prometheus needs {error.name}; {advice}") from error
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, ("model", *labels), registry=registry)

    newest, model = drift.newest.comparison, drift.profile.model
    verdict = gauge("amt_drift_verdict", "0 ok, 1 watch, 2 alarm.")
    verdict.labels(model).set(VERDICTS.index(newest.verdict))
    psi = gauge("amt_drift_psi", "Population stability index, less that by chance.", "number")
    p = gauge("amt_drift_p_value", "Kolmogorov-Smirnov test, adjusted for all tests.", "number")
    for shift in newest.shifts:
        psi.labels(model, shift.name).set(shift.psi)
        p.labels(model, shift.name).set(shift.p)
    auc = gauge("amt_drift_auc", "Domain classifier; 0.5 is no difference.")
    auc.labels(model).set(newest.auc)
    inputs = newest.recordings + newest.rejected
    share = gauge("amt_drift_rejected_share", "Rejected inputs in the window, as a share.")
    share.labels(model).set(newest.rejected / inputs)
    size = gauge("amt_drift_window_recordings", "Recordings and rejected inputs in the window.")
    size.labels(model).set(inputs)
    end = gauge("amt_drift_window_end_seconds", "Time of its last input, in Unix seconds.")
    end.labels(model).set(drift.newest.end.timestamp())
    if newest.f1 is not None:
        f1 = gauge("amt_drift_estimated_f1", "Note F1, estimated from certainty.")
        f1.labels(model).set(newest.f1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry)
