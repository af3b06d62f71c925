#!/usr/bin/env bash
# amqplib 2.3.1: AMQP's header tables have a type for times (T), and amqplib reads it; but a Date that it is
# given goes out as an empty table, without an error, at any depth.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund amqplib@2.3.1
cat > seen.cjs <<'JS'
const assert = require("node:assert/strict");
const { decodeFields, encodeTable } = require("./node_modules/amqplib/lib/codec");

const buffer = Buffer.alloc(1024);
const sent = { at: new Date("2026-01-02T03:04:05Z"), order: { at: new Date() } };
const length = encodeTable(buffer, sent, 0);
const came = decodeFields(buffer.subarray(4, length));
console.log("sent", sent, "came", came);
assert.deepEqual(came, { at: {}, order: { at: {} } });
JS
node seen.cjs
