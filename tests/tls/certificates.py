"""An authority of certificates, by the command `openssl`."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

LOOPBACK: Final = "IP:127.0.0.1"
NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
VALID_FOR: Final = timedelta(hours=1)
LIMIT_S: Final = 30

CONFIGURATION: Final = """\
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = policy
copy_extensions = copyall
unique_subject = no
rand_serial = yes
[policy]
commonName = supplied
"""


@dataclass(frozen=True)
class Certificate:
    """A server's certificate and its key, in PEM."""

    certificate: Path
    key: Path
    not_after: datetime

    @property
    def both(self) -> str:
        return self.key.read_text() + self.certificate.read_text()


class Authority:
    """Signs certificates; `certificate` is its own, which clients trust."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        (directory / "authority.cnf").write_text(CONFIGURATION)
        (directory / "index.txt").touch()
        self._openssl(
            *("req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1"),
            *("-subj", f"/CN={directory.name}"),
        )
        self.certificate = directory / "ca.pem"

    def issue(
        self, name: str, *, host: str = LOOPBACK, valid_for: timedelta = VALID_FOR
    ) -> Certificate:
        """A certificate for `host`, which begins an hour ago."""
        now = datetime.now(UTC).replace(microsecond=0)
        key, request, signed = (f"{name}.{ending}" for ending in ("key", "csr", "pem"))
        self._openssl(
            *("req", "-new", *NEW_KEY, "-keyout", key, "-out", request),
            *("-subj", "/CN=server", "-addext", f"subjectAltName={host}"),
        )
        self._openssl(
            *("ca", "-batch", "-notext", "-config", "authority.cnf"),
            *("-cert", "ca.pem", "-keyfile", "ca.key", "-in", request, "-out", signed),
            *("-startdate", _utc(now - VALID_FOR), "-enddate", _utc(now + valid_for)),
        )
        return Certificate(
            self._directory / signed, self._directory / key, not_after=now + valid_for
        )

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments],
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def _utc(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}Z"
