"""Tell a webhook of a verdict: POST JSON, with retries. Slack and its like read the key `text`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from amt.monitoring.windows import Drift

ATTEMPTS = 3
SECONDS = 10.0
# The wait before the second attempt; twice as long before each further one.
BACKOFF_SECONDS = 1.0


def message(drift: Drift) -> dict[str, Any]:
    """The document that is sent: verdict and reasons, and `text`, all in one."""
    newest = drift.newest
    comparison = newest.comparison
    reasons = "; ".join(comparison.reasons) or "nothing moved"
    f1 = "" if comparison.f1 is None else f"; estimated note F1 {comparison.f1:.2f}"
    count = comparison.counts
    head = f"amt monitor: {drift.profile.model}: {comparison.verdict}"
    return {
        "text": f"{head}: {reasons} ({count} until {newest.end:%Y-%m-%d %H:%M} UTC{f1})",
        "model": drift.profile.model,
        "verdict": comparison.verdict,
        "reasons": list(comparison.reasons),
        "recordings": comparison.recordings,
        "rejected": comparison.rejected,
        "begin": newest.begin.isoformat(),
        "end": newest.end.isoformat(),
        "estimated_f1": comparison.f1,
    }


def send(url: str, document: dict[str, Any], backoff_seconds: float = BACKOFF_SECONDS) -> None:
    """POST a document; errors of network and server are tried again, ATTEMPTS times in all.

    Raises ValueError in one line, which names the host only: path and query may hold a secret.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("--webhook: expected https://HOST/PATH")
    retry = Retry(
        ATTEMPTS - 1,
        backoff_factor=backoff_seconds,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )
    with requests.Session() as session:
        session.mount(f"{parts.scheme}://", HTTPAdapter(max_retries=retry))
        try:
            answer = session.post(url, json=document, timeout=SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            reason = type(error).__name__
            raise ValueError(f"webhook at {parts.hostname}: {reason}; not sent") from None
    if answer.status_code >= 300:  # Redirections are not followed: they may lead anywhere.
        raise ValueError(f"webhook at {parts.hostname}: status {answer.status_code}; not sent")
