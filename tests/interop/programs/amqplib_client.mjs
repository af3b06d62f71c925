// amqplib writes CASES to EXCHANGE, or reads COUNT messages of QUEUE.

import amqp from "amqplib";

const { CASES, CLIENT, COUNT, EXCHANGE, QUEUE, RABBITMQ_URI } = process.env;
const NAMES = {
  message_id: "messageId", type: "type", app_id: "appId", correlation_id: "correlationId",
  content_type: "contentType", timestamp: "timestamp",
};
const PERSISTENT = 2;

function valueOf(given) {
  if (given === null || typeof given !== "object" || !("kind" in given)) return given;
  if (given.kind === "bytes") return Buffer.from(given.value, "base64");
  if (given.kind === "date") return new Date(given.value);
  if (given.kind === "whole") {
    if (!Number.isSafeInteger(Number(given.value))) return BigInt(given.value);
    return Number(given.value);
  }
  return { "!": given.kind, value: { places: 2, digits: 1250 } }; // amqplib's own way
}

function valuesOf(given) {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, valueOf(value)]));
}

async function write(connection) {
  const refused = {};
  for (const one of JSON.parse(CASES)) {
    const name = `${CLIENT}/${one.name}`;
    const options = { headers: { ...valuesOf(one.headers), case: name } };
    for (const [key, value] of Object.entries(valuesOf(one.properties))) {
      // amqplib takes a number; its documentation leaves the unit to the application.
      options[NAMES[key]] = value instanceof Date ? value.getTime() / 1000 : value;
    }
    const channel = await connection.createConfirmChannel();
    try {
      channel.publish(EXCHANGE, one.routing_key, Buffer.from(one.body), options);
      await channel.waitForConfirms();
      await channel.close();
    } catch (error) {
      refused[name] = `${error.name}: ${error.message}`;
    }
  }
  return refused;
}

async function read(connection) {
  const channel = await connection.createChannel();
  const found = [];
  await new Promise((resolve) => {
    const take = ({ properties, content }) => {
      const { messageId, type, contentType, deliveryMode, headers } = properties;
      found.push({
        id: messageId, type, content_type: contentType, persistent: deliveryMode === PERSISTENT,
        headers, body: JSON.parse(content.toString()),
      });
      if (found.length === Number(COUNT)) resolve();
    };
    channel.consume(QUEUE, take, { noAck: true });
  });
  return found;
}

const connection = await amqp.connect(RABBITMQ_URI);
console.log(JSON.stringify(await (process.argv[2] === "write" ? write : read)(connection)));
await connection.close();
