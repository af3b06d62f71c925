#!/usr/bin/env bash
# bson 7.3.4 for Node (by which the driver `mongodb` 7.9 writes): values that BSON has no type for are stored
# as others, without an error. A BigInt beyond 64 bits keeps its low 64 bits, 2n ** 64n is 0; an invalid
# Date is 1970-01-01; a Set is {}; a text with half of a surrogate pair is another.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund bson@7.3.4
cat > seen.mjs <<'JS'
import assert from "node:assert/strict";
import { deserialize, serialize } from "bson";

const stored = (value) => deserialize(serialize({ value }), { useBigInt64: true }).value;
const seen = {
  "2n ** 64n": [stored(2n ** 64n), 0n],
  "2n ** 63n": [stored(2n ** 63n), -(2n ** 63n)],
  'new Date("tomorrow")': [stored(new Date("tomorrow")), new Date(0)],
  "new Set([1])": [stored(new Set([1])), {}],
  '"\\ud800"': [stored("\ud800"), "\ufffd"],
};
for (const [text, [found, expected]] of Object.entries(seen)) {
  console.log(text.padEnd(22), "is stored as", found);
  assert.deepEqual(found, expected);
}
JS
node seen.mjs
