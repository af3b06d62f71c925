"""Every error is a problem, of a type that tells itself at its own URI."""

import httpx
import orjson
import pytest

from postbox.service import HTTP_PROBLEMS, ProblemType, application
from tests.postbox.service.edge.conftest import Edge

OWN = ProblemType(name="own", status=409, title="A <b>conflict</b>", remedy="Don't & go on.")


async def test_each_type_has_a_page() -> None:
    app = application([], problems=[OWN])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop"
    ) as http:
        index = (await http.get("/problems")).text
        for kind in (*HTTP_PROBLEMS, OWN):
            page = await http.get(str(kind.problem().body["type"]))
            assert page.status_code == 200
            assert page.headers["content-type"].startswith("text/html")
            assert kind.uri in index
        assert "A &lt;b&gt;conflict&lt;/b&gt;" in page.text
        unknown = await http.get("/problems/none")
        assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/not-found")


def test_their_names_are_their_own() -> None:
    names = [kind.name for kind in HTTP_PROBLEMS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("request_line", "status", "name"),
    [
        (b"GET /nowhere", 404, "not-found"),
        (b"DELETE /", 405, "method-not-allowed"),
        (b"GET /bug", 500, "internal-error"),
    ],
)
async def test_what_no_endpoint_answers(
    edge: Edge, request_line: bytes, status: int, name: str
) -> None:
    answered, body = await edge.ask(request_line + b" HTTP/1.1\r\n\r\n")
    problem = orjson.loads(body)
    assert (answered, problem["status"]) == (status, status)
    assert problem["type"] == f"/problems/{name}"
    assert "bug" not in body.decode()
