"""The page at `/`: what the server does, and where."""

from __future__ import annotations

from html import escape

from amt.serving.settings import METRICS_ROUTE, TRANSCRIBE_ROUTE, Settings

# Links have no leading slash, so that they also work behind a proxy that adds a path.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>amt: piano transcription</title>
<style>body {{ font: 1rem/1.5 sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ background: #eee; padding: 1rem; overflow-x: auto }}</style>
<h1>Piano transcription</h1>
<p>Audio in, notes out. A recording of up to {minutes:g} minutes and {megabytes:g} MB:</p>
<form action="{upload}?format=midi" method="post" enctype="multipart/form-data">
<input type="file" name="file" required aria-label="audio file">
<button>Transcribe to MIDI</button></form>
<p>From a terminal, to MIDI and to JSON:</p>
<pre>curl -F file=@song.mp3 '{address}{upload}?format=midi' &gt; song.mid
curl -F file=@song.mp3 {address}{upload}</pre>
<ul>
<li><a href="docs">docs</a>: all routes and parameters; <a href="openapi.json">openapi.json</a></li>
<li><a href="{health}">{health}</a>: whether the model is loaded</li>
<li><a href="{metrics}">{metrics}</a>: for Prometheus</li>
<li>{predict}: several recordings in one JSON document (POST)</li>
</ul>
</html>
"""


def start_page(settings: Settings, address: str) -> str:
    """The page as HTML. address: the URL of the server, with a slash at its end."""
    routes = {
        "upload": TRANSCRIBE_ROUTE,
        "metrics": METRICS_ROUTE,
        "health": settings.health_route,
        "predict": settings.predict_route,
    }
    return _PAGE.format(
        address=escape(address),
        minutes=settings.max_audio_seconds / 60,
        megabytes=settings.max_upload_bytes / 1e6,
        **{name: route.removeprefix("/") for name, route in routes.items()},
    )
