// Node's driver writes one row for each value that it has. MONGO_URI, EVENT_TYPE, COLUMN; prints, as
// JSON, the names and messages of those that it refused to write.

import {
  Binary, BSONRegExp, BSONSymbol, Code, DBRef, Decimal128, Double, Int32, Long, MaxKey, MinKey,
  MongoClient, ObjectId, Timestamp, UUID,
} from "mongodb";

const bytes = Buffer.from([0, 1, 254, 255]);
const uuid = Buffer.from("00112233445566778899aabbccddeeff", "hex");

class Order {
  id = "o1";
}

const values = {
  null: null,
  boolean: true,
  text: "Grüße 🎉",
  "empty text": "",
  "text with a null character": "a\0b",
  int32: 42,
  int64: Long.fromString("4611686018427387904"),
  "small int64": Long.fromNumber(42),
  "whole number past 31 bits": 4_200_000_000,
  double: 0.1,
  "whole double": new Double(3),
  "negative zero": -0,
  NaN: NaN,
  infinity: Infinity,
  date: new Date("2026-01-02T03:04:05.678Z"),
  "date before 1970": new Date("1815-12-10T00:00:00Z"),
  "date of the year 10000": new Date(253_402_300_800_000),
  ObjectId: new ObjectId("65937a2b0000000000000001"),
  "UUID (binary 4)": new UUID(uuid),
  "legacy UUID (binary 3)": new Binary(uuid, 3),
  binary: new Binary(bytes, 0),
  "binary of one's own (128)": new Binary(bytes, 128),
  "vector (binary 9)": Binary.fromInt8Array(Int8Array.from([1, -1])),
  decimal: Decimal128.fromString("12.50"),
  "largest decimal": Decimal128.fromString("9E+6144"),
  "decimal that is NaN": Decimal128.fromString("NaN"),
  list: [1, "a", null],
  document: { a: { b: 1 } },
  "name with a dot": { "a.b": 1 },
  "name with a dollar": { $a: 1 },
  "empty name": { "": 1 },
  "reference (DBRef)": new DBRef("orders", new Int32(7)),
  "regular expression": new BSONRegExp("^a", "i"),
  timestamp: new Timestamp({ t: 1_767_323_045, i: 7 }),
  code: new Code("f()"),
  "code with scope": new Code("f()", { a: 1 }),
  MinKey: new MinKey(),
  MaxKey: new MaxKey(),
  "symbol (deprecated)": new BSONSymbol("a"),
  // Of Node alone.
  "a whole number past 2^53": 9_007_199_254_740_994,
  "a BigInt": 2n ** 62n,
  "a BigInt past 64 bits": 2n ** 64n,
  "a Map": new Map([["a", 1]]),
  "a Set": new Set([1]),
  undefined: undefined,
  "undefined in a list": [undefined],
  "a function": () => 1,
  "an invalid Date": new Date("never"),
  "a lone surrogate": "\ud800",
  "a Uint8Array": Uint8Array.from(bytes),
  "a Buffer": bytes,
  "a Float64Array": Float64Array.from([0.1]),
  "a RegExp": /^a/i,
  "an instance of a class": new Order(),
};

const client = new MongoClient(process.env.MONGO_URI);
const outbox = client.db().collection("outbox");
const refused = {};
for (const [name, value] of Object.entries(values)) {
  const row = { type: process.env.EVENT_TYPE, subject: `${process.env.COLUMN}/${name}`, data: { value } };
  try {
    await outbox.insertOne(row);
  } catch (error) {
    refused[name] = `${error.name}: ${error.message}`;
  }
}
await client.close();
console.log(JSON.stringify(refused));
