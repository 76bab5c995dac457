"""How many predictions and errors each deployed model of an endpoint had, as Vertex AI counts them.

prediction/online/prediction_count and error_count, counts since the point before, with the metric
label deployed_model_id, of the resource aiplatform.googleapis.com/Endpoint, which has the label
endpoint_id: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform and
https://cloud.google.com/monitoring/api/resources. One deployed model may have several series (other
labels). New numbers are visible after some minutes. google-cloud-monitoring is not used: for one
request google-auth and requests are enough.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from amt.cloud.vertex import DeployError
from amt.errors import one_line

ADDRESS = "https://monitoring.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/monitoring.read"
_METRIC = "aiplatform.googleapis.com/prediction/online"
_SECONDS = 60.0


@dataclass(frozen=True)
class Counted:
    """Predictions and errors of one deployed model."""

    predictions: int
    errors: int


def counts(
    project: str, endpoint_id: str, since: datetime, address: str = ADDRESS
) -> dict[str, Counted]:
    """The numbers since a time, by the ID of the deployed model. Raises DeployError."""
    predictions = _sums(project, endpoint_id, since, "prediction_count", address)
    errors = _sums(project, endpoint_id, since, "error_count", address)
    return {key: Counted(predictions[key], errors[key]) for key in predictions | errors}


def _sums(
    project: str, endpoint_id: str, since: datetime, metric: str, address: str
) -> Counter[str]:
    url = f"{address}/v3/projects/{project}/timeSeries"
    metric_filter = f'metric.type="{_METRIC}/{metric}"'
    parameters = {
        "filter": f'{metric_filter} AND resource.labels.endpoint_id="{endpoint_id}"',
        "interval.startTime": since.isoformat(),
        "interval.endTime": datetime.now(UTC).isoformat(),
    }
    sums: Counter[str] = Counter()
    while True:
        page = _get(url, parameters)
        for series in page.get("timeSeries", ()):
            values = (int(point["value"]["int64Value"]) for point in series["points"])
            sums[series["metric"]["labels"]["deployed_model_id"]] += sum(values)
        if not page.get("nextPageToken"):
            return sums
        parameters["pageToken"] = page["nextPageToken"]


def _get(url: str, parameters: dict[str, str]) -> dict[str, Any]:
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession
    from requests import RequestException

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        response = AuthorizedSession(credentials).get(url, params=parameters, timeout=_SECONDS)
        response.raise_for_status()
        return response.json()
    except (GoogleAuthError, RequestException) as error:
        raise DeployError(f"{url}: {one_line(error, 300)}") from error
