"""The client's parts without a network: streams in any pieces, pauses, and no token anywhere."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_client import (
    AsyncBookingClient,
    BookingClient,
    ProblemError,
    Retries,
    Slot,
    TooManyRequests,
    Unauthenticated,
    Unreachable,
)
from booking_client.errors import problem
from booking_client.sse import Reader, ServerSentEvent

TOKEN = "eyJhbGciOi.secret.part"
STREAM = (
    '\ufeff: hello\r\n\r\nevent: booking\r\nid: 1\r\ndata: {"name":\r\ndata: "Renée"}\r\n\r\n'
    "retry: 5\rid: 2\rdata:two\r\rid: 3\n\ndata\n\nevent: cut\ndata: never ended"
)
EVENTS = [
    ServerSentEvent("booking", '{"name":\n"Renée"}', "1"),
    ServerSentEvent("message", "two", "2"),
    ServerSentEvent("message", "", "3"),
]


@given(st.lists(st.integers(1, 7), max_size=200))
def test_a_stream_is_read_in_whatever_pieces_it_comes(sizes: list[int]) -> None:
    reader, left, events = Reader(), STREAM.encode(), list[ServerSentEvent]()
    for size in [*sizes, len(left)]:
        piece, left = left[:size], left[size:]
        events += reader.feed(piece)
    assert events == EVENTS


def test_pauses_grow_to_a_bound_and_wait_as_long_as_told() -> None:
    retries = Retries(pause_first_s=0.1, pause_max_s=2.0)
    for attempt in range(1, 2_000):
        longest = min(2.0, 0.1 * 2.0 ** min(attempt - 1, 60))
        assert longest / 2 <= retries.pause_s(attempt) <= longest
    assert retries.pause_s(1, 7.0) == 7.0
    with pytest.raises(ValueError, match="deadline_s"):
        Retries(deadline_s=0)


def test_retry_after_may_be_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    error = problem(429, {}, at)
    assert isinstance(error, TooManyRequests)
    assert error.retry_after_s is not None
    assert 80 < error.retry_after_s <= 90
    assert problem(429, {}, "soon").retry_after_s is None


def test_a_problem_says_its_type_and_field() -> None:
    document = {"type": "/problems/x", "title": "No", "field": "amount", "detail": "too much"}
    assert str(problem(422, document)) == "422 No [/problems/x] (amount): too much"
    assert type(problem(418, {})) is ProblemError
    assert str(problem(599, {"title": 7})) == "599 Unknown status"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host", "must be http://host"),
        ("gateway:3000", "must be http://host"),
        ("https://ada:secret@host", "no user"),
        ("https://host?a=b", "query"),
    ],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"base_url: .*{said}") as refused:
        BookingClient(url)
    assert "secret" not in str(refused.value)


def test_no_token_is_shown() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        raise httpx.ConnectError("gone", request=request)

    http = httpx.Client(transport=httpx.MockTransport(gone))
    client = BookingClient("https://host/", token=TOKEN, http=http, retries=Retries(attempts_max=1))
    with pytest.raises(Unreachable) as failed:
        client.booking("demo-1")
    shown = [repr(client), repr(AsyncBookingClient("https://host", token=TOKEN))]
    error: BaseException | None = failed.value
    while error is not None:
        shown += [str(error), repr(error)]
        error = error.__cause__
    assert TOKEN not in "".join(shown)
    with pytest.raises(ValueError, match="token: must be") as refused:
        BookingClient("https://host", token=f"{TOKEN}\n").booking("demo-1")
    assert TOKEN not in str(refused.value)


def test_a_token_is_asked_for_at_each_attempt() -> None:
    tokens, seen = iter(["old", "new"]), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(503 if len(seen) == 1 else 401, json={"type": "about:blank"})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    retries = Retries(pause_first_s=0.001)
    client = BookingClient("http://host", token=lambda: next(tokens), http=http, retries=retries)
    with pytest.raises(Unauthenticated):
        client.booking("demo-1")
    assert seen == ["Bearer old", "Bearer new"]


def test_a_redirect_gets_no_token() -> None:
    asked = list[str]()

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": "https://elsewhere.example/"})

    http = httpx.Client(transport=httpx.MockTransport(elsewhere), follow_redirects=True)
    client = BookingClient("https://host", token=TOKEN, http=http)
    with pytest.raises(ProblemError):
        client.booking("demo-1")
    assert asked == ["https://host/booking/demo-1"]


def test_times_without_a_zone_are_refused() -> None:
    client = BookingClient("http://host")
    naive = datetime(2026, 1, 31)
    with pytest.raises(ValueError, match="since"):
        client.page(since=naive)
    with pytest.raises(ValueError, match=r"slot\.starts_at"):
        client.create_intent(
            amount=1, slot=Slot(resource_id="room", starts_at=naive, ends_at=naive)
        )
    with pytest.raises(ValueError, match="idempotency_key"):
        client.create_intent(amount=1, idempotency_key="clé")
