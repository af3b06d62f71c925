"""The API as a page for people: Swagger UI, with nothing loaded from elsewhere."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from postbox.service import NOT_FOUND

VIEWER: Final = Path(__file__).parent / "viewer"
FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "start.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
KEPT: Final = {"Cache-Control": "public, max-age=86400"}
PAGE: Final = """<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Booking gateway</title>
<link rel=icon href="data:,"><link rel=stylesheet href=/docs/swagger-ui.css>
<div id=api></div>
<noscript>The description is at <a href=/openapi.json>/openapi.json</a> (OpenAPI 3.1).</noscript>
<script src=/docs/swagger-ui-bundle.js></script><script src=/docs/start.js></script>
"""


def viewer() -> list[Route]:
    """`/docs`, and what it loads."""
    return [
        Route("/docs", _page, methods=["GET"]),
        Route("/docs/{name}", _file, methods=["GET"]),
    ]


async def _page(_: Request) -> Response:
    return HTMLResponse(PAGE, headers=HEADERS)


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        raise NOT_FOUND.problem()
    return FileResponse(VIEWER / name, media_type=FILES[name], headers=KEPT)
