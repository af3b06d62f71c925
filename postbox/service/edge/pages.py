"""A page for each type of problem, at its own URI."""

from collections.abc import Sequence
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from postbox.service.edge.problems import NOT_FOUND, PAGES, ProblemType

_STYLE = "body{font:16px/1.5 system-ui;margin:3rem auto;max-width:45rem;padding:0 1rem}"


def problem_pages(types: Sequence[ProblemType]) -> list[Route]:
    """`/problems/NAME` of each, and `/problems`, which lists them."""
    by_name = {one.name: one for one in types}

    async def index(_: Request) -> Response:
        items = "".join(f"<li>{one.status} {_link(one)}" for one in types)
        return HTMLResponse(_page("Problems", f"<ul>{items}</ul>"))

    async def page(request: Request) -> Response:
        kind = by_name.get(request.path_params["name"])
        if kind is None:
            return NOT_FOUND.problem().response()
        text = f"<p>Status {kind.status}.</p><p>{escape(kind.remedy)}</p>"
        return HTMLResponse(_page(kind.title, f"{text}<p><a href={PAGES}>All problems</a></p>"))

    return [Route(PAGES, index, methods=["GET"]), Route(PAGES + "/{name}", page, methods=["GET"])]


def _link(kind: ProblemType) -> str:
    return f"<a href={kind.uri}>{escape(kind.title)}</a>"


def _page(title: str, content: str) -> str:
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{content}"
    )
