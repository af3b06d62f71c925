#!/usr/bin/env bash
# pamqp 4.0.1: what is decoded from a header table and encoded again is not what came. A double (type
# "d", as Java and Node write every fraction) becomes a float of 32 bits (type "f"), and a name over
# 128 bytes, which AMQP's short strings allow up to 255, is cut.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pamqp==4.0.1
"$folder/venv/bin/python" - <<'PYTHON'
from struct import pack

from pamqp import decode, encode


def table(name: bytes, value: bytes) -> bytes:
    field = bytes((len(name),)) + name + value
    return pack(">I", len(field)) + field


came = table(b"rate", b"d" + pack(">d", 0.1))
_, headers = decode.field_table(came)
print("came:   ", came.hex(), headers)
again = encode.field_table(headers)
print("encoded:", again.hex(), decode.field_table(again)[1])
assert headers == {"rate": 0.1}
assert decode.field_table(again)[1] == {"rate": 0.10000000149011612}

long_name = b"n" * 160
_, headers = decode.field_table(table(long_name, b"t\x01"))
(kept,) = decode.field_table(encode.field_table(headers))[1]
print("name of 160 bytes:", len(kept), "are left")
assert len(next(iter(headers))) == 160
assert len(kept) == 128
PYTHON
