"""Transcribe by an endpoint of Vertex AI, to which `amt deploy vertex` deployed a model."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import numpy as np

from amt.cloud.lake import Lake
from amt.cloud.objects import is_bucket_uri, split_uri
from amt.cloud.vertex_endpoint import Endpoint
from amt.errors import one_line
from amt.io.note_tables import notes_of
from amt.notes import Notes

# Where recordings lie in the lake while they are transcribed.
UPLOADS = "app/vertex"


class VertexOptions(Protocol):
    """The options that an endpoint knows; `amt.inference.transcriber.Options` has them."""

    @property
    def ends(self) -> str: ...

    @property
    def onset_threshold(self) -> float | None: ...

    @property
    def embedding(self) -> bool: ...

    @property
    def tuning(self) -> str | float | None: ...


@dataclass(frozen=True, eq=False)
class VertexTranscription:
    """What an endpoint answered: as `amt.inference.transcriber.Transcription`, and its model.

    embedding: None unless asked for, and if the deployed model cannot give one. warnings: what is
    wrong with the file, one line each. elapsed_seconds: with all retries. tuning: as of
    `amt.inference.retuning.tuning_document`, None from images of older versions too.
    """

    notes: Notes
    seconds: float
    elapsed_seconds: float
    warnings: tuple[str, ...]
    embedding: np.ndarray | None
    model_name: str
    model_version: str
    tuning: Mapping[str, Any] | None = None


class VertexTranscriber:
    """An endpoint that transcribes, shared or dedicated. Threads may use it at the same time."""

    def __init__(
        self, endpoint: str, lake: Lake | None = None, timeout: float = 600.0, address: str = ""
    ) -> None:
        """endpoint: projects/PROJECT/locations/REGION/endpoints/ID, as `amt deploy vertex` prints.

        lake: at gs://, for recordings that are larger than a request may be; the endpoint must be
        allowed to read it (`amt deploy vertex --allowed-uris`). timeout: seconds for a recording,
        with all retries; the endpoint's own limit is 60 s if it is shared, else 600 s. address: in
        place of that of the region, as for Private Service Connect. Makes no request. Raises
        ValueError for a malformed name.
        """
        self._endpoint = Endpoint(endpoint, timeout, address)
        self._lake = lake

    def transcribe(
        self, recording: bytes | str, options: VertexOptions | None = None
    ) -> VertexTranscription:
        """The notes of an audio file: its content, or its gs:// URI, which the endpoint reads.

        Raises VertexError; StorageError if the recording cannot be written to the lake.
        """
        begin = time.monotonic()
        with self._instance(recording) as instance:
            answer = self._endpoint.predict(_body(instance, options))
        return self._transcription(answer, time.monotonic() - begin)

    @contextmanager
    def _instance(self, recording: bytes | str) -> Iterator[dict[str, Any]]:
        """An instance of a request; a large recording is in the lake while the block lasts."""
        if isinstance(recording, str):
            split_uri(recording)
            yield {"audio_uri": recording}
            return
        instance = {"audio": {"b64": base64.b64encode(recording).decode("ascii")}}
        if len(_body(instance, None)) + 1000 <= self._endpoint.max_bytes:
            yield instance
            return
        lake, name = self._bucket_lake(len(recording)), f"{UPLOADS}/{secrets.token_urlsafe(16)}"
        lake.write(name, recording, if_generation=0)
        try:
            yield {"audio_uri": lake.object_uri(name)}
        finally:
            lake.delete(name)

    def _bucket_lake(self, size: int) -> Lake:
        if self._lake is None or not is_bucket_uri(self._lake.uri):
            limit = f"requests to this endpoint may have {self._endpoint.max_bytes / 1e6:g} MB"
            text = f"the recording has {size / 1e6:.1f} MB and {limit}"
            advice = "use a lake at gs://, or deploy with --dedicated, which allows 10 MB"
            raise self._endpoint.error(f"{text}; {advice}", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self._lake

    def _transcription(self, answer: Mapping[str, Any], elapsed: float) -> VertexTranscription:
        try:
            (prediction,) = answer["predictions"]
            failed, status = prediction.get("error"), int(prediction.get("status", 502))
            if not failed:
                return _transcription(prediction, elapsed)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"its answer is no prediction of amt ({one_line(error)})"
            raise self._endpoint.error(text, HTTPStatus.BAD_GATEWAY) from error
        raise self._endpoint.error(one_line(ValueError(failed), 300), status)


def _transcription(prediction: Mapping[str, Any], elapsed: float) -> VertexTranscription:
    embedding = prediction.get("embedding")
    return VertexTranscription(
        notes_of(prediction),
        float(prediction["duration"]),
        elapsed,
        tuple(map(str, prediction.get("warnings") or ())),
        np.array(embedding["values"], dtype=np.float32) if embedding else None,
        str(prediction["model"]["name"]),
        str(prediction["model"]["version"]),
        prediction.get("tuning"),
    )


def _body(instance: Mapping[str, Any], options: VertexOptions | None) -> bytes:
    """A request for one recording, in the form of POST /predict (amt/serving/README.md)."""
    parameters: dict[str, Any] = {"format": ["notes"]}
    if options is not None:
        if options.embedding:
            parameters["format"].append("embedding")
        parameters["extend_sustain"] = options.ends == "sound"
        if options.onset_threshold is not None:
            parameters["onset_threshold"] = options.onset_threshold
        if options.tuning not in (None, "auto"):  # Which images of older versions do not know.
            parameters["tuning"] = options.tuning
    return json.dumps({"instances": [instance], "parameters": parameters}).encode("ascii")
