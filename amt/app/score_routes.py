"""The routes of the score of a recording: MusicXML, PDF, pages as SVG, and its data."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from starlette.exceptions import HTTPException

from amt.app.core import DoneRecording, TheCore
from amt.app.files import attachment
from amt.serving.errors import AsciiJsonResponse

router = APIRouter(prefix="/api/recordings/{id}", default_response_class=AsciiJsonResponse)


@router.get("/score.json")
async def data(core: TheCore, found: DoneRecording) -> AsciiJsonResponse:
    """Beats, bars, and hand, bar, position and value of each note."""
    return AsciiJsonResponse(await core.scores.document(found))


@router.get("/score.musicxml")
async def musicxml(core: TheCore, found: DoneRecording) -> Response:
    """The score for notation programs."""
    headers = attachment(found.name, ".musicxml")
    media_type = "application/vnd.recordare.musicxml+xml"
    return Response(await core.scores.musicxml(found), headers=headers, media_type=media_type)


@router.get("/score.pdf")
async def pdf(core: TheCore, found: DoneRecording) -> Response:
    """The score on paper."""
    headers = attachment(found.name, ".pdf")
    return Response(await core.scores.pdf(found), headers=headers, media_type="application/pdf")


@router.get("/score.svg")
async def page(
    core: TheCore,
    found: DoneRecording,
    page: Annotated[int, Query(ge=1)] = 1,
    layout: Literal["wide", "narrow"] = "wide",
) -> Response:
    """One page of the score for a screen; the header X-Pages says how many there are."""
    pages = await core.scores.pages(found, layout)
    if page > len(pages):
        raise HTTPException(404, f"page {page}: the score has {len(pages)}")
    headers = {"x-pages": str(len(pages))}
    return Response(pages[page - 1], headers=headers, media_type="image/svg+xml")
