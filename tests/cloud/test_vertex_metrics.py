"""What Vertex AI counted, by deployed model."""

from __future__ import annotations

from datetime import UTC, datetime

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
from vertex_server import vertex

from amt.cloud.vertex import DeployError
from amt.cloud.vertex_metrics import Counted, counts

SINCE = datetime(2026, 5, 4, tzinfo=UTC)


def test_numbers_of_each_deployed_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), "p"))
    with vertex(monkeypatch) as server:
        server.counted = {("prediction_count", "3"): 900, ("prediction_count", "9"): 95}
        server.counted["error_count", "9"] = 5
        found = counts("p", "8", SINCE, server.address)
        assert found == {"3": Counted(900, 0), "9": Counted(95, 5)}
        (_, path, _) = server.requests[-1]
        assert path == "projects/p/timeSeries"


def test_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), "p"))
    with pytest.raises(DeployError, match=r"timeSeries") as caught:
        counts("p", "8", SINCE, "http://127.0.0.1:9")
    assert "\n" not in str(caught.value)
