// Places an order: the order and its event commit together, or neither does.
//
//   MONGO_URI=mongodb://localhost/shop node producer.mjs o1 4200
//
// Run it again with the same order: it is there already, and no second event goes out.

import { MongoClient } from "mongodb";

const DUPLICATE_KEY = 11000;
const [id, amount] = process.argv.slice(2);
if (!id || !(Number(amount) > 0) || !process.env.MONGO_URI) {
  console.error("usage: MONGO_URI=mongodb://host/database node producer.mjs ORDER AMOUNT");
  process.exit(2);
}

const client = new MongoClient(process.env.MONGO_URI);
const database = client.db(); // the one in the path of the URI
const order = { _id: id, amount: Number(amount), placedAt: new Date() };

// Type, subject and data are all that a row needs: its ObjectId becomes the event's id, and the
// relay sees to the rest. Made once, so that a transaction that is repeated writes the same row.
const row = {
  type: "order.placed",
  subject: order._id,
  data: { order_id: order._id, amount: order.amount, placed_at: order.placedAt },
};

const safe = { readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } };

try {
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await database.collection("orders").insertOne(order, { session });
      await database.collection("outbox").insertOne(row, { session });
    }, safe),
  );
  console.log(`placed ${order._id}`);
} catch (error) {
  if (error.code !== DUPLICATE_KEY) throw error;
  console.log(`${order._id} was placed before`);
} finally {
  await client.close();
}
