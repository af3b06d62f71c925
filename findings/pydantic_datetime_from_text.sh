#!/usr/bin/env bash
# pydantic 2.14: AwareDatetime, which sounds like RFC 3339, takes a JSON text of digits for a Unix time,
# a blank instead of the T, and no seconds; and it cuts a fraction finer than a microsecond. Whoever
# needs what RFC 3339 allows, and no more, has to check the text first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pydantic==2.14.*'
"$folder/venv/bin/python" - <<'PYTHON'
from pydantic import VERSION, AwareDatetime, TypeAdapter

print("pydantic", VERSION)
read = TypeAdapter(AwareDatetime).validate_json
seen = {
    text: read(f'"{text}"').isoformat()
    for text in ("1769854500", "2026-01-31 10:15Z", "2026-01-31T10:15:00.1234567Z")
}
for text, time in seen.items():
    print(f"{text:30} -> {time}")
assert list(seen.values()) == [
    "2026-01-31T10:15:00+00:00",
    "2026-01-31T10:15:00+00:00",
    "2026-01-31T10:15:00.123456+00:00",
]
PYTHON
