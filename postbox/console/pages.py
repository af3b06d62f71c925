"""A page from a document: HTML for people, the document itself as JSON for programs."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from postbox.console import readable
from postbox.console.security.sessions import Identity
from postbox.operations import plain

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
FRAGMENT_HEADER: Final = "hx-request"
_YEAR_S: Final = 31_536_000


def wants_json(request: Request) -> bool:
    """Whether a program asks: it names JSON, and no HTML."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


class Pages:
    """The templates, and what each of them may use: `token_of` a session, for its forms."""

    def __init__(
        self,
        token_of: Callable[[Identity], str],
        trace_url: str | None = None,
        *,
        has_scenarios: bool = False,
    ) -> None:
        self._token_of = token_of
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(readable.FILTERS)
        self._templates.globals["trace_url"] = trace_url
        self._templates.globals["has_scenarios"] = has_scenarios
        self._templates.globals["static"] = _addresses()

    def answer(
        self, request: Request, template: str, document: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        """`document` as HTML by `template`, or as JSON, whichever the request asks for."""
        if wants_json(request):
            return Response(
                orjson.dumps(plain(document), option=orjson.OPT_INDENT_2),
                status,
                media_type="application/json",
            )
        return HTMLResponse(self.html(request, template, document), status)

    def html(self, request: Request, template: str, document: Mapping[str, Any]) -> str:
        identity = getattr(request.state, "identity", None)
        return self._templates.get_template(template).render(
            **document,
            me=identity,
            path=request.url.path,
            address=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
            token=self._token_of(identity) if identity is not None else "",
        )


class Files(StaticFiles):
    """Our own files, which browsers keep: another version has another address."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        return response


def _addresses() -> dict[str, str]:
    return {
        path.name: f"/static/{path.name}?v={hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in STATIC.iterdir()
        if path.is_file()
    }
