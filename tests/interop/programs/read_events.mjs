// The JavaScript SDK reads COUNT messages of QUEUE, as amqplib delivers them. Prints, as JSON, what it
// makes of each, or why it refuses it.

import amqp from "amqplib";
import { HTTP } from "cloudevents";

function read(message) {
  const headers = { ...message.properties.headers, "content-type": message.properties.contentType };
  try {
    const event = HTTP.toEvent({ headers, body: message.content.toString() });
    const { data, ...attributes } = event.toJSON();
    return { attributes, data };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

const connection = await amqp.connect(process.env.RABBITMQ_URI);
const channel = await connection.createChannel();
const found = [];
await new Promise((resolve) => {
  channel.consume(
    process.env.QUEUE,
    (message) => {
      found.push({ case: message.properties.messageId, ...read(message) });
      if (found.length === Number(process.env.COUNT)) resolve();
    },
    { noAck: true },
  );
});
await connection.close();
console.log(JSON.stringify(found));
