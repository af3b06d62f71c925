"""The pages of what was set aside: the list, one item, and the way to an action on some of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.audit.log import AuditLog
from postbox.console.events.document import whole
from postbox.console.masking import Masking
from postbox.console.pages import Pages
from postbox.console.security.access import acting
from postbox.console.security.sessions import Sessions
from postbox.console.set_aside.jobs import Jobs
from postbox.console.set_aside.places import CHOSEN_MAX, Chosen, Item, Places
from postbox.console.set_aside.plans import Action, Plan, Plans
from postbox.errors import DatabaseUnavailable
from postbox.operations import DeadLetter
from postbox.service import Problem, unavailable

SHOWN_MAX: Final = 200
BODY_CHARS_MAX: Final = 100_000
NAME_BYTES_MAX: Final = 255


class SetAside:
    """`audit` is None where the console has no database of its own: then nobody acts."""

    def __init__(
        self,
        places: Places,
        jobs: Jobs,
        audit: AuditLog | None,
        mask: Masking,
        *,
        sessions: Sessions,
        pages: Pages,
    ) -> None:
        self._places = places
        self._jobs = jobs
        self._audit = audit
        self._mask = mask
        self._sessions = sessions
        self._pages = pages
        self._plans = Plans()

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/set-aside", self._list),
            Route("/set-aside/item", self._item),
            Route("/set-aside/confirm", self._confirm, methods=["POST"]),
            Route("/set-aside/do", self._do, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        chosen = self._chosen(request.query_params)
        items, unseen, problems = await self._places.look(chosen)
        shown = items[:SHOWN_MAX]
        again = await self._sent_again([item.id for item in shown])
        groups = Counter((item.place, item.type, item.reason) for item in items)
        document = {
            "asked": _asked(chosen),
            "places": self._places.names,
            "groups": [
                {"place": place, "type": type_, "reason": reason, "count": count}
                for (place, type_, reason), count in groups.most_common()
            ],
            "items": [_summary(item, again) for item in shown],
            "count": len(items),
            "unseen": unseen,
            "problems": problems,
            "can_act": self._can_act(request),
        }
        return self._pages.answer(request, "set_aside.html", document)

    async def _item(self, request: Request) -> Response:
        place, id_ = request.query_params.get("place", ""), request.query_params.get("id", "")
        wanted = Chosen(place=place, ids={place: frozenset((id_,))})
        items, _, problems = await self._places.look(wanted, most=1)
        if problems:
            raise unavailable(next(iter(problems.values())))
        if not items:
            raise Problem(404, "It is not there, or no longer")
        again = await self._sent_again([id_])
        document = {
            "item": _summary(items[0], again),
            "content": self._content(items[0]),
            "can_act": self._can_act(request),
        }
        return self._pages.answer(request, "item.html", document)

    async def _confirm(self, request: Request) -> Response:
        identity, form = await acting(request, self._sessions)
        self._expect_audit()
        action = _action(form)
        chosen = self._chosen({**_texts(form, "place", "type", "reason"), "ids": _ids(form)})
        items, unseen, problems = await self._places.look(chosen, most=CHOSEN_MAX)
        name, plan = self._plans.made(action, items, session=identity.session)
        document = {
            "plan": name,
            "action": action.value,
            "total": plan.total,
            "groups": _groups(plan),
            "left_out": len(items) - sum(plan.groups.values()),
            "unseen": unseen,
            "problems": problems,
            "exchange": self._places.exchange,
        }
        return self._pages.answer(request, "confirm.html", document)

    async def _do(self, request: Request) -> Response:
        identity, form = await acting(request, self._sessions)
        self._expect_audit()
        if self._jobs.is_full:
            raise unavailable("Other actions are under way")
        given = _texts(form, "plan", "to", "name")
        plan = self._plans.taken(given.get("plan", ""), session=identity.session)
        if plan is None or not plan.total:
            raise Problem(409, "This was done already, or too long ago: choose again")
        exchange, queue = _destination(plan, given)
        id_ = await self._jobs.start(plan, by=identity.name, exchange=exchange, to_queue=queue)
        return RedirectResponse(f"/audit/{id_}", 303)

    def _chosen(self, given: Mapping[str, Any]) -> Chosen:
        place = given.get("place") or None
        if place is not None and place not in self._places.names:
            raise Problem(422, f"place: there is no {place}", field="place")
        ids: Mapping[str, frozenset[str]] | None = given.get("ids")
        return Chosen(
            place=place,
            type=given.get("type") or None,
            reason=given.get("reason") or None,
            ids=None if ids is None else dict(ids),
        )

    def _content(self, item: Item) -> dict[str, Any]:
        """Its envelope and its data, masked."""
        if item.letter is not None:
            return {"headers": dict(item.letter.headers), "body": self._body(item.letter)}
        return {"headers": {}, "body": whole(item.place, item.row or {}, self._mask)}

    def _body(self, letter: DeadLetter) -> Any:
        try:
            body = orjson.loads(letter.body)
        except orjson.JSONDecodeError:
            return letter.body[:BODY_CHARS_MAX].decode(errors="backslashreplace")
        if isinstance(body, dict) and "data" in body:
            return {**body, "data": self._mask(body["data"])}
        return self._mask(body)

    async def _sent_again(self, ids: Sequence[str]) -> Mapping[str, int]:
        """By their ids; none where the audit does not answer: that keeps nobody from looking."""
        if self._audit is None or not ids:
            return {}
        with suppress(DatabaseUnavailable):
            return await self._audit.sent_again(ids)
        return {}

    def _can_act(self, request: Request) -> bool:
        return self._jobs.are_possible and bool(request.state.identity.may_act)

    def _expect_audit(self) -> None:
        if not self._jobs.are_possible:
            raise Problem(403, "There is no audit, and without it nothing is done: set MONGO_URI")


def _summary(item: Item, again: Mapping[str, int]) -> dict[str, Any]:
    names = ("place", "kind", "id", "type", "subject", "reason", "error", "at", "deliveries")
    said = {name: getattr(item, name) for name in names}
    key = f"{quote(item.place, safe='')}/{quote(item.id, safe='')}"
    return {**said, "key": key, "sent_again": again.get(item.id, 0)}


def _asked(chosen: Chosen) -> dict[str, str]:
    named = {"place": chosen.place, "type": chosen.type, "reason": chosen.reason}
    return {name: text for name, text in named.items() if text is not None}


def _texts(form: FormData, *names: str) -> dict[str, str]:
    given = ((name, form.get(name)) for name in names)
    return {name: text.strip() for name, text in given if isinstance(text, str) and text.strip()}


def _action(form: FormData) -> Action:
    try:
        return Action(form.get("action"))
    except ValueError:
        raise Problem(422, "action: there is no such action", field="action") from None


def _ids(form: FormData) -> dict[str, frozenset[str]] | None:
    """The chosen ids by their places; None where none was chosen, which means all that match."""
    chosen: dict[str, set[str]] = {}
    for key in form.getlist("id"):
        place, _, id_ = str(key).partition("/")
        chosen.setdefault(unquote(place), set()).add(unquote(id_))
    return {place: frozenset(ids) for place, ids in chosen.items()} or None


def _groups(plan: Plan) -> list[dict[str, Any]]:
    return [
        {"place": place, "type": type_, "reason": reason, "count": count}
        for (place, type_, reason), count in plan.groups.most_common()
    ]


def _destination(plan: Plan, given: Mapping[str, str]) -> tuple[str, str | None]:
    """The exchange, or the queue, that messages are sent to. Problem 422 where none is named."""
    if plan.action is not Action.SEND:
        return "", None
    name = given.get("name", "")
    if not name or len(name.encode()) > NAME_BYTES_MAX:
        raise Problem(422, "name: say where to", field="name")
    return (name, None) if given.get("to") == "exchange" else ("", name)
