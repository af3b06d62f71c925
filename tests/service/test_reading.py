"""Lists of bookings, what is taken of a resource, and what need not be sent again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest

from tests.eventually import eventually
from tests.service.booking_system import BookingSystem, fresh, slot
from tests.service.guarded import Guarded
from tests.service.test_refused_intents import is_problem

HOUR: Final = timedelta(hours=1)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [booking["intentId"] for booking in answer.json()["bookings"]]


class TestBookings:
    async def test_one_s_own_newest_first_page_by_page(self, door: Guarded) -> None:
        user = fresh("user")
        made = [await door.booked(user) for _ in range(5)]
        await door.booked(fresh("other"))
        token, found, path = door.issuer.token(user), [], "/bookings?limit=2"
        while path:
            answer = await door.ask("GET", path, token)
            found.append(ids(answer))
            cursor = answer.json().get("next")
            path = f"/bookings?limit=2&cursor={cursor}" if cursor else ""
        assert found == [made[4:2:-1], made[2:0:-1], made[:1]]
        assert answer.headers["cache-control"].startswith("private")

    async def test_what_is_shown_of_each(self, shared_system: BookingSystem) -> None:
        user, wanted = fresh("auth0|usér"), slot(fresh("room"))
        intent_id = await shared_system.booked(userId=user, slot=wanted)
        answer = await shared_system.http.get(
            f"{shared_system.gateway}/bookings", params={"userId": user}
        )
        (booking,) = answer.json()["bookings"]
        shown = await shared_system.show(intent_id)
        created_at = datetime.fromisoformat(booking.pop("createdAt"))
        assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=1)
        assert booking == {
            "intentId": intent_id,
            "userId": user,
            "status": "pending",
            "amount": 1_000,
            "currency": "USD",
            "slot": shown.json()["slot"],
            "links": {"self": f"/booking/{intent_id}"},
        }

    async def test_by_status_resource_and_time(self, shared_system: BookingSystem) -> None:
        user, room = fresh("user"), f"{fresh('room')} n° 1/2"
        first = await shared_system.booked(userId=user, slot=slot(room))
        await shared_system.cancel(first)
        second = await shared_system.booked(userId=user)
        await shared_system.final(first)

        async def listed(**query: str) -> list[str]:
            params = {"userId": user, **query}
            return ids(
                await shared_system.http.get(f"{shared_system.gateway}/bookings", params=params)
            )

        assert await listed() == [second, first]
        assert await listed(status="pending") == [second]
        assert await listed(status="cancelled", resourceId=room) == [first]
        assert await listed(resourceId=room.upper()) == []
        now = datetime.now(UTC)
        assert await listed(**{"from": (now - HOUR).isoformat()}) == [second, first]
        assert await listed(to=(now - HOUR).isoformat()) == []

    async def test_whose_they_are_is_the_token_s_to_say(self, door: Guarded) -> None:
        user = fresh("user")
        intent_id = await door.booked(user)
        path = f"/bookings?userId={user}"
        is_problem(await door.ask("GET", path, door.issuer.token("bob")), 403, "userId")
        is_problem(await door.ask("GET", path, None), 401, "Authorization")
        desk = door.issuer.token(fresh("desk"), scope="bookings:operate")
        assert ids(await door.ask("GET", path, desk)) == [intent_id]
        assert ids(await door.ask("GET", "/bookings", desk)) == []

    async def test_everybody_s_where_nobody_is_asked(self, shared_system: BookingSystem) -> None:
        newest = [await shared_system.booked(userId=fresh("user")) for _ in range(2)]
        assert (
            ids(await shared_system.http.get(f"{shared_system.gateway}/bookings?limit=2"))
            == newest[::-1]
        )

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("status=lost", "status"),
            ("status=", "status"),
            ("resourceId=%20a", "resourceId"),
            ("from=today", "from"),
            ("to=2026-01-31", "to"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=1.0", "limit"),
            ("limit=-1", "limit"),
            ("cursor=", "cursor"),
            ("cursor=abc", "cursor"),
            ("cursor=W10", "cursor"),
            (f"cursor={'a' * 500}", "cursor"),
            ("cursor=WzFlOTk5LCJhIl0", "cursor"),
            ("colour=red", "colour"),
            ("limit=1&limit=2", "limit"),
            ("userId=%ED%A0%80", "query"),
            ("userId=%ff", "query"),
        ],
    )
    async def test_a_query_that_is_not_valid(
        self, shared_system: BookingSystem, query: str, field: str
    ) -> None:
        is_problem(
            await shared_system.http.get(f"{shared_system.gateway}/bookings?{query}"), 422, field
        )


class TestSlots:
    async def test_what_is_taken(self, shared_system: BookingSystem) -> None:
        room = f"{fresh('room')}/é slots"
        taken = [slot(room, starts_in=timedelta(days=days)) for days in (1, 2)]
        kept, given_back = [await shared_system.booked(slot=one) for one in taken]

        async def starts(**query: str) -> list[str]:
            url = httpx.URL(shared_system.gateway).copy_with(raw_path=b"/")
            name = str(httpx.QueryParams({"r": room}))[2:].replace("+", "%20")
            answer = await shared_system.http.get(f"{url}resources/{name}/slots", params=query)
            assert answer.status_code == 200, answer.text
            assert answer.json()["resourceId"] == room
            return [one["startsAt"] for one in answer.json()["taken"]]

        wanted = [one["startsAt"].replace("+00:00", "Z") for one in taken]
        assert await starts() == wanted
        assert await starts(to=taken[0]["endsAt"]) == wanted[:1]
        assert await starts(**{"from": taken[0]["endsAt"]}) == wanted[1:]
        await shared_system.cancel(given_back)

        async def one_is_left() -> bool:
            return await starts() == wanted[:1]

        await eventually(one_is_left)
        assert (await shared_system.show(kept)).json()["status"] == "pending"

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
            ("from=2026-01-01T00:00:00Z&to=2026-02-02T00:00:00Z", "to"),
            ("from=0001-01-01T00:00:00Z", "to"),
            ("from=9999-12-31T00:00:00Z", "to"),
            ("from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59.5Z", "to"),
            ("from=x", "from"),
            ("limit=1", "limit"),
        ],
    )
    async def test_a_query_that_is_not_valid(
        self, shared_system: BookingSystem, query: str, field: str
    ) -> None:
        is_problem(
            await shared_system.http.get(f"{shared_system.gateway}/resources/r/slots?{query}"),
            422,
            field,
        )

    @pytest.mark.parametrize("resource", ["%20a", "%00", "%ff", "%ED%A0%80", "a" * 129])
    async def test_what_is_no_resource(self, shared_system: BookingSystem, resource: str) -> None:
        url = f"{shared_system.gateway}/resources/{resource}/slots"
        is_problem(await shared_system.http.get(url), 404, "resourceId")

    async def test_it_needs_a_token_where_one_is_asked_for(self, door: Guarded) -> None:
        path = "/resources/room-1/slots"
        is_problem(await door.ask("GET", path, None), 401, "Authorization")
        assert (await door.ask("GET", path, door.issuer.token())).status_code == 200


class TestWhatIsKnown:
    async def test_an_unchanged_booking_is_not_sent_again(
        self, shared_system: BookingSystem
    ) -> None:
        intent_id = await shared_system.booked()
        url = f"{shared_system.gateway}/booking/{intent_id}"

        async def ask(tag: str) -> httpx.Response:
            return await shared_system.http.get(url, headers={"If-None-Match": tag})

        # Its own event is projected once more as it comes back, which changes nothing.
        tag = (await shared_system.http.get(url)).headers["etag"]
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            same = await ask(known)
            assert (same.status_code, same.content) == (304, b"")
            assert same.headers["etag"] == tag
        for unknown in ('"other"', 'W/"999"', "", "garbage"):
            assert (await ask(unknown)).status_code == 200
        await shared_system.cancel(intent_id)
        changed = await ask(tag)
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag

    async def test_a_follower_that_comes_again_misses_nothing(
        self, shared_system: BookingSystem
    ) -> None:
        """And gets nothing twice: it says what it saw last."""
        intent_id = await shared_system.booked()

        @asynccontextmanager
        async def following(seen: str | None) -> AsyncIterator[AsyncIterator[str]]:
            headers = {} if seen is None else {b"Last-Event-ID": seen.encode()}
            url = f"{shared_system.gateway}/booking/{intent_id}/events"
            async with shared_system.http.stream("GET", url, headers=headers) as answer:
                yield answer.aiter_lines()

        async def next_id(lines: AsyncIterator[str]) -> str:
            async for line in lines:
                if line.startswith("id: "):
                    return line.removeprefix("id: ")
            raise AssertionError("the stream ended")

        async with following(None) as lines:
            first = await next_id(lines)
        async with following(first) as lines:
            await shared_system.cancel(intent_id)
            second = await next_id(lines)
        assert int(second) > int(first)
        await shared_system.final(intent_id)  # changes while nobody follows
        async with following(second) as lines:
            third = await next_id(lines)
        assert int(third) > int(second)
        for unknown in ("999999", "garbage", "-1", "é", "9" * 40):
            async with following(unknown) as lines:
                assert await next_id(lines) == third
