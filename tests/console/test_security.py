"""Nobody sees anything unless signed in, or on loopback; and no other site acts for them."""

import io
import os
import subprocess
import sys

import httpx
import pytest

from postbox.console import main
from postbox.console.security.passwords import hash_password, verify
from postbox.console.security.sessions import COOKIE, Role, Sessions
from postbox.console.security.tries import OF_ALL_MAX, OF_ONE_MAX, WINDOW_S, Tries
from postbox.console.settings import ConsoleSettings
from postbox.errors import ConfigurationError
from postbox.service import load
from stack.supervision.process import ROOT
from tests.cli.harness import CliHarness
from tests.console.harness import JSON, Browser, console, settings

PASSWORD = "correct horse"
CHEAP_N = 16
HASH = hash_password(PASSWORD, n=CHEAP_N)
LOOK_HASH = hash_password("battery staple", n=CHEAP_N)
NEEDED = {
    "CONSOLE_SOURCES": "shop=mongodb://127.0.0.1:1/shop",
    "RABBITMQ_URI": "amqp://127.0.0.1:1/",
}
PAGES = ("/", "/live", "/help")


async def test_every_answer_forbids_inline_script_and_framing(browser: Browser) -> None:
    for path in ("/", "/nowhere", "/static/console.js"):
        answer = await browser.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-frame-options"] == "DENY"
    page = await browser.html("/")
    assert "<script>" not in page
    assert " style=" not in page
    assert " onclick" not in page


async def test_what_a_browser_loads_is_small_and_kept(browser: Browser) -> None:
    static = ROOT / "postbox" / "console" / "static"
    assert sum(path.stat().st_size for path in static.iterdir()) < 150_000
    assert "immutable" in (await browser.http.get("/static/htmx.min.js")).headers["cache-control"]
    assert (await browser.http.get("/")).headers["cache-control"] == "no-store"


async def test_without_sign_in_it_is_reached_by_a_name_of_loopback_alone(browser: Browser) -> None:
    """Another site whose name resolves to 127.0.0.1 would be let in otherwise."""
    answer = await browser.http.get("/", headers={"Host": "evil.example:3005"})
    assert answer.status_code == 403
    port = browser.url.rpartition(":")[2]
    answer = await browser.http.get("/", headers={"Host": f"localhost:{port}"})
    assert answer.status_code == 200


async def test_nobody_sees_a_page_before_signing_in(harness: CliHarness) -> None:
    of = settings(harness, console_password_hash=HASH, console_look_password_hash=LOOK_HASH)
    async with console(of) as browser:
        for path in PAGES:
            answer = await browser.http.get(path, headers={"Accept": "text/html"})
            assert (answer.status_code, answer.headers["location"]) == (
                303,
                f"/sign-in?to={path}",
            )
            assert (await browser.http.get(path, headers=JSON)).status_code == 401

        wrong = await _sign_in(browser, "wrong")
        assert wrong.status_code == 403
        assert COOKIE not in browser.http.cookies
        right = await _sign_in(browser, PASSWORD, to="/help")
        assert (right.status_code, right.headers["location"]) == (303, "/help")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert (await browser.http.get("/")).status_code == 200

        await browser.http.post("/sign-out")
        assert (await browser.http.get("/", headers=JSON)).status_code == 401
        browser.http.cookies.set(COOKIE, "forged.forged")
        assert (await browser.http.get("/", headers=JSON)).status_code == 401


async def test_sign_in_leads_to_no_other_site_and_is_of_no_other_site(harness: CliHarness) -> None:
    async with console(settings(harness, console_password_hash=HASH)) as browser:
        for to in ("https://evil.example", "//evil.example", "/\\evil.example"):
            assert (await _sign_in(browser, PASSWORD, to=to)).headers["location"] == "/"
        answer = await browser.http.post("/sign-in", headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


async def test_passwords_are_tried_a_few_times_a_minute(harness: CliHarness) -> None:
    async with console(settings(harness, console_password_hash=HASH)) as browser:
        codes = [(await _sign_in(browser, "wrong")).status_code for _ in range(OF_ONE_MAX + 1)]
        assert codes == [403] * OF_ONE_MAX + [429]
        refused = await _sign_in(browser, PASSWORD)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) <= WINDOW_S


def test_tries_are_counted_by_address_and_in_all() -> None:
    now = 0.0
    tries = Tries(clock=lambda: now)
    for number in range(OF_ALL_MAX):
        assert tries.wait_s(f"10.0.0.{number}") == 0
        tries.begun(f"10.0.0.{number}")
    assert tries.wait_s("10.0.1.1") == WINDOW_S
    now = WINDOW_S
    assert tries.wait_s("10.0.1.1") == 0


async def test_a_proxys_header_counts_from_its_address_alone(harness: CliHarness) -> None:
    trust = {"console_trust_header": "X-User", "console_actors": "ada"}
    async with console(settings(harness, **trust, console_proxy="127.0.0.0/8")) as browser:
        assert (await browser.http.get("/", headers={**JSON, "X-User": "ada"})).status_code == 200
        assert (await browser.http.get("/", headers=JSON)).status_code == 401
    async with console(settings(harness, **trust, console_proxy="10.0.0.1")) as browser:
        assert (await browser.http.get("/", headers={**JSON, "X-User": "ada"})).status_code == 401


def test_sessions_are_of_their_key() -> None:
    sessions = Sessions(b"key")
    cookie = sessions.issue("ada", Role.LOOK)
    identity = sessions.read(cookie)
    assert identity is not None
    assert (identity.name, identity.may_act) == ("ada", False)
    assert Sessions(b"other").read(cookie) is None
    assert sessions.read(cookie.replace(".", "x.")) is None
    assert sessions.is_token(identity, sessions.token(identity))
    other = sessions.read(sessions.issue("ada", Role.LOOK))
    assert other is not None
    assert not sessions.is_token(other, sessions.token(identity))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HTTP_HOST": "0.0.0.0"}, "CONSOLE_PASSWORD_HASH: not set"),
        ({"CONSOLE_TRUST_HEADER": "X-User"}, "CONSOLE_PROXY: not set"),
        ({"CONSOLE_PASSWORD_HASH": "secret"}, "CONSOLE_PASSWORD_HASH: "),
        ({"CONSOLE_SOURCES": "shop"}, "CONSOLE_SOURCES: "),
        ({"CONSOLE_PROGRAMS": "relay"}, "CONSOLE_PROGRAMS: "),
        ({"CONSOLE_BINDINGS": "shop.events"}, "CONSOLE_BINDINGS: "),
        ({"CONSOLE_BROKER_API": "mq:15672"}, "CONSOLE_BROKER_API: "),
        ({"CONSOLE_SCENARIOS": "http://:t@10.0.0.1:3007"}, "CONSOLE_SCENARIOS: "),
    ],
)
def test_settings_that_leave_a_door_open_are_refused(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**NEEDED, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{said}") as refused:
        load(ConsoleSettings).check()
    assert "secret" not in str(refused.value)


def test_it_refuses_to_start_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "postbox.console"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **NEEDED, "HTTP_HOST": "0.0.0.0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "CONSOLE_PASSWORD_HASH: not set" in line


def test_a_hash_is_made_of_a_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    main(["hash"])
    made = capsys.readouterr().out.strip()
    assert verify(PASSWORD, made)
    assert "$" not in made  # which a shell, and Compose, would take for a variable
    assert verify(PASSWORD, HASH.replace(":", "$"))  # as an earlier version made it
    assert not verify("other", HASH)


async def _sign_in(browser: Browser, password: str, to: str = "/") -> httpx.Response:
    form = {"name": "ada", "password": password, "to": to}
    return await browser.http.post("/sign-in", data=form)
