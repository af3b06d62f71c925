"""What both transports share: how a request is built, and what must not be in a URL or a token."""

from collections.abc import Mapping
from typing import Any

import httpx

from booking_client.steps import Head, Open


def checked_url(base_url: str) -> str:
    """Without its last slash. ValueError where it is none, or holds a password."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"base_url: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("base_url: must be http://host or https://host")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("base_url: must have no user, password, query or fragment")
    return str(url).rstrip("/")


def arguments(url: str, step: Open, token: str | None) -> dict[str, Any]:
    """Of httpx's `build_request`."""
    request = step.request
    return {
        "method": request.method,
        "url": url + request.path,
        "params": request.query or None,
        "headers": {**request.headers, **_authorization(token)},
        "json": request.body,
        "timeout": step.timeout_s,
    }


def head_of(response: httpx.Response) -> Head:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Head(response.status_code, headers)


def _authorization(token: str | None) -> Mapping[str, str]:
    """Checked here, for an error of httpx's would show it."""
    if token is None:
        return {}
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token: must be printable ASCII without spaces")
    return {"Authorization": f"Bearer {token}"}
