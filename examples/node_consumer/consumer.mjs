// Adds up what was ordered: each order once, however often its event comes.
//
//   MONGO_URI=mongodb://localhost/sales RABBITMQ_URI=amqp://localhost node consumer.mjs

import amqp from "amqplib";
import { MongoClient } from "mongodb";

const QUEUE = "sales";
const AT_ONCE = 16;

const client = new MongoClient(process.env.MONGO_URI);
const inbox = client.db().collection("inbox"); // of the database in the path of the URI
const sales = client.db().collection("sales");
const safe = { readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } };

// A transaction makes no index: this one forgets events after 30 days.
await inbox.createIndex({ at: 1 }, { expireAfterSeconds: 30 * 24 * 3600 });

// That the event was seen, and what it changes, commit together. Of two that race, the second has
// a write conflict: the driver runs it again, and it sees the first one's row.
const apply = (event) =>
  client.withSession((session) =>
    session.withTransaction(async () => {
      const _id = `${QUEUE}/${event.id}`;
      if (await inbox.findOne({ _id }, { session })) return;
      await inbox.insertOne({ _id, at: new Date() }, { session });
      const change = { $inc: { orders: 1, amount: event.data.amount } };
      await sales.updateOne({ _id: "all" }, change, { session, upsert: true });
    }, safe),
  );

function eventOf(message) {
  try {
    const event = JSON.parse(message.content);
    return Number.isInteger(event?.data?.amount) && event.id ? event : null;
  } catch {
    return null;
  }
}

// Whatever else fails ends the program, and what it has not acknowledged is delivered again: start
// it again, as any supervisor does.
const connection = await amqp.connect(process.env.RABBITMQ_URI);
connection.on("close", () => process.exit(1));
const channel = await connection.createChannel();
await channel.prefetch(AT_ONCE);
await channel.consume(QUEUE, async (message) => {
  const event = eventOf(message);
  if (!event) return channel.reject(message, false); // to sales.dead
  await apply(event);
  channel.ack(message);
});
console.log("consuming");
