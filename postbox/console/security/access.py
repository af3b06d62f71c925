"""Who asks, at each request: by the cookie, by the proxy's header, or, on loopback, anybody."""

import hashlib
import hmac
import secrets
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from postbox.console.pages import wants_json
from postbox.console.security.sessions import COOKIE, NAME_CHARS_MAX, Identity, Role, Sessions
from postbox.console.settings import EVERYBODY, ConsoleSettings, is_loopback
from postbox.service import Problem

SIGN_IN: Final = "/sign-in"
OPEN: Final = ("/static/", "/healthz", "/readyz", SIGN_IN)
TOKEN_FIELD: Final = "token"  # noqa: S105 a name
TOKEN_HEADER: Final = "X-CSRF-Token"  # noqa: S105 a name


class Access:
    """Judges requests by the settings."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self.sessions: Final = Sessions(_key(settings))

    def identity(self, request: HTTPConnection) -> Identity | None:
        """Who asks; None where nobody is signed in."""
        settings = self._settings
        if not settings.has_sign_in:
            return Identity("somebody at this machine", Role.ACT, "loopback")
        return self._by_proxy(request) or self.sessions.read(request.cookies.get(COOKIE, ""))

    def is_wrong_host(self, request: HTTPConnection) -> bool:
        """Whether a page of another name reached us on loopback, by a name that it controls."""
        if self._settings.has_sign_in:
            return False
        return not is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")

    def _by_proxy(self, request: HTTPConnection) -> Identity | None:
        settings, proxy = self._settings, self._settings.proxy
        if settings.console_trust_header is None or proxy is None or request.client is None:
            return None
        name = request.headers.get(settings.console_trust_header, "").strip()
        if not name or not _is_address_in(request.client.host, proxy):
            return None
        may_act = bool({name, EVERYBODY} & set(settings.console_actors))
        role = Role.ACT if may_act else Role.LOOK
        return Identity(name[:NAME_CHARS_MAX], role, f"proxy:{name}")


class AccessMiddleware:
    """Lets a request through with `request.state.identity`, or to what is open to all."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        identity = self._access.identity(request)
        scope.setdefault("state", {})["identity"] = identity
        if self._access.is_wrong_host(request):
            answer: Response = Problem(403, "Reach the console by its address").response()
        elif identity is None and not request.url.path.startswith(OPEN):
            answer = _sign_in(request)
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)


async def acting(request: Request, sessions: Sessions) -> tuple[Identity, FormData]:
    """Who wants to change something, and the form. Problem 403 unless they may, and meant it."""
    identity: Identity = request.state.identity
    form = await request.form(max_files=0, max_fields=20_000)
    token = request.headers.get(TOKEN_HEADER) or form.get(TOKEN_FIELD)
    if not isinstance(token, str) or not sessions.is_token(identity, token):
        raise Problem(403, "This form is not, or no longer, yours: load the page again")
    if not identity.may_act:
        raise Problem(403, "You may look, and not act")
    return identity, form


def local_path(text: str) -> str:
    """`text` where it is a path of ours, else the first page."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_ours and text.isprintable() else "/"


def _sign_in(request: Request) -> Response:
    if wants_json(request) or request.method != "GET":
        return Problem(401, "Sign in first").response()
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{SIGN_IN}?to={quote(path)}", 303)


def _is_address_in(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(host) in network
    except ValueError:
        return False


def _key(settings: ConsoleSettings) -> bytes:
    """Another password ends all sessions; a restart does not."""
    hashes = [settings.console_password_hash, settings.console_look_password_hash]
    known = "|".join(filter(None, hashes))
    secret = known.encode() or secrets.token_bytes(32)
    return hmac.new(secret, b"postbox console sessions", hashlib.sha256).digest()
