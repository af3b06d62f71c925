"""Signing in with a password, and out again."""

import asyncio
import math
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.pages import Pages
from postbox.console.security.access import SIGN_IN, Access, local_path
from postbox.console.security.passwords import verify
from postbox.console.security.sessions import COOKIE, LIFETIME_S, NAME_CHARS_MAX, Role
from postbox.console.security.tries import Tries
from postbox.console.settings import ConsoleSettings
from postbox.service import Problem

log: Final = structlog.get_logger()
PASSWORD_CHARS_MAX: Final = 1_024


class SignIn:
    """The form, and what becomes of it."""

    def __init__(self, settings: ConsoleSettings, access: Access, pages: Pages) -> None:
        self._settings = settings
        self._sessions = access.sessions
        self._pages = pages
        self._tries = Tries()
        self._one_at_a_time = asyncio.Lock()  # a guess costs 32 MiB

    @property
    def routes(self) -> list[Route]:
        return [
            Route(SIGN_IN, self._form, methods=["GET"]),
            Route(SIGN_IN, self._enter, methods=["POST"]),
            Route("/sign-out", self._leave, methods=["POST"]),
        ]

    async def _form(self, request: Request) -> Response:
        return self._shown(request, None, request.query_params.get("to", "/"))

    async def _enter(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Problem(403, "Sign in on the console's own page")
        form = await request.form(max_files=0, max_fields=10)
        name = str(form.get("name", "")).strip()[:NAME_CHARS_MAX]
        password = str(form.get("password", ""))[:PASSWORD_CHARS_MAX]
        to = local_path(str(form.get("to", "/")))
        if not name or not name.isprintable():
            return self._shown(request, "Say who you are: the audit names you.", to, 422)
        address = request.client.host if request.client else ""
        wait_s = self._tries.wait_s(address)
        if wait_s:
            answer = self._shown(request, "Too many tries: wait a minute.", to, 429)
            answer.headers["Retry-After"] = str(math.ceil(wait_s))
            return answer
        self._tries.begun(address)
        role = await self._role(password)
        log.info("sign-in", succeeded=role is not None, address=address)
        if role is None:
            return self._shown(request, "That is not the password.", to, 403)
        self._tries.succeeded(address)
        answer = RedirectResponse(to, 303)
        answer.set_cookie(
            COOKIE,
            self._sessions.issue(name, role),
            max_age=LIFETIME_S,
            httponly=True,
            samesite="lax",
            secure=self._settings.console_https,
        )
        return answer

    async def _leave(self, request: Request) -> Response:
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    async def _role(self, password: str) -> Role | None:
        settings = self._settings
        roles = (
            (Role.ACT, settings.console_password_hash),
            (Role.LOOK, settings.console_look_password_hash),
        )
        for role, made in roles:
            async with self._one_at_a_time:
                if made is not None and await asyncio.to_thread(verify, password, made):
                    return role
        return None

    def _shown(self, request: Request, wrong: str | None, to: str, status: int = 200) -> Response:
        has_password = bool(
            self._settings.console_password_hash or self._settings.console_look_password_hash
        )
        document = {"wrong": wrong, "to": local_path(to), "by_password": has_password}
        return self._pages.answer(request, "sign_in.html", document, status=status)
