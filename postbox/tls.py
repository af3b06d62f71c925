"""What OpenSSL says of a connection that failed, in plain words.

The drivers of both servers pass its words on only as text, in the midst of their own.
"""

import re
from typing import Final

_SAID: Final = re.compile(r"\[(?:SSL|X509)(?:: (?P<code>\w+))?\] (?P<text>.*?) ?\(_ssl\.c:\d+\)")
_UNVERIFIED: Final = "certificate verify failed: "
_OTHER_HOST: Final = re.compile(r"mismatch, certificate is (not valid for .*?)\.?$")
_UNTRUSTED: Final = re.compile(r"self-signed certificate|unable to get (local )?issuer certificate")
_CODES: Final = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS at this port",
    "NO_CERTIFICATE_OR_CRL_FOUND": "the CA's file has no certificate in it",
    "KEY_VALUES_MISMATCH": "the client's key is not that of its certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate",
}


def in_plain_words(text: str) -> str:
    """`text` with what OpenSSL says in it replaced by what is wrong."""
    return _SAID.sub(_reworded, text)


def _reworded(said: re.Match[str]) -> str:
    text = said["text"]
    if not text.startswith(_UNVERIFIED):
        return _CODES.get(said["code"] or "", f"TLS: {text}")
    why = text.removeprefix(_UNVERIFIED)
    if other_host := _OTHER_HOST.search(why):
        return f"the server's certificate is {other_host[1]}, the host that was asked for"
    if _UNTRUSTED.search(why):
        return f"the server's certificate is not from a CA that we trust ({why})"
    return f"the server's certificate is not valid: {why}"
