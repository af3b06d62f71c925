"""docs/api/ and docs/problems.md: what the services say of their APIs, and what may go wrong.

`--check`: whether they are up to date.
"""

import json
import sys
from pathlib import Path
from typing import Final

from postbox.service import HTTP_PROBLEMS
from services.gateway.openapi.document import document as gateway
from services.gateway.problems import PROBLEMS as GATEWAY_PROBLEMS
from services.payment.openapi import document as payment
from services.payment.webhook.problems import PROBLEMS as PAYMENT_PROBLEMS

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs"
PROBLEMS_HEAD: Final = """\
# Problems

Every error is a problem (RFC 9457): `type`, `title`, `status`, often the `field` that the client
got wrong, and a `detail`. The type is a path at the server that answers so, where the same is told
as here. Written by `python -m tests.api_doc` from the types that answers are made of.
"""
ANSWERED_BY: Final = {
    "Every service": HTTP_PROBLEMS,
    "The gateway": GATEWAY_PROBLEMS,
    "The payment service": PAYMENT_PROBLEMS,
}


def files() -> dict[str, str]:
    """The name and the text of every file. The gateway's is of one that asks for tokens."""
    documents = {
        "gateway": gateway(asks_for_tokens=True),
        "payment": payment(),
        "payment-stripe": payment("stripe"),
    }
    texts = {
        f"api/{name}.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for name, document in documents.items()
    }
    return {**texts, "problems.md": problems()}


def problems() -> str:
    """The page of all types."""
    lines = [PROBLEMS_HEAD]
    for service, kinds in ANSWERED_BY.items():
        lines += [f"## {service}\n", "| status | type | title | what to do |", "|---|---|---|---|"]
        lines += [
            f"| {kind.status} | `{kind.uri}` | {kind.title} | {kind.remedy} |" for kind in kinds
        ]
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    wanted = files()
    if arguments == ["--check"]:
        paths = {name: FOLDER / name for name in wanted}
        if all(path.is_file() and path.read_text() == wanted[name] for name, path in paths.items()):
            return 0
        print(
            "docs/api or docs/problems.md is out of date: python -m tests.api_doc", file=sys.stderr
        )
        return 1
    (FOLDER / "api").mkdir(exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
