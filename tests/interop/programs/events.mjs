// The JavaScript SDK writes each of CASES in both modes, and amqplib sends it to EXCHANGE. Prints, as
// JSON, what either refused, by the case and the mode.

import amqp from "amqplib";
import { CloudEvent, HTTP } from "cloudevents";

const connection = await amqp.connect(process.env.RABBITMQ_URI);
const channel = await connection.createConfirmChannel();
const refused = {};

function eventOf({ attributes, data, bytes, bigint }, id) {
  const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
  given.id = id; // what comes twice by one id is a repeat
  if (bigint !== undefined) return new CloudEvent({ ...given, data: { n: BigInt(bigint) } });
  if (bytes !== undefined) return new CloudEvent({ ...given, data: Uint8Array.from(Buffer.from(bytes, "base64")) });
  return new CloudEvent(data === undefined ? given : { ...given, data });
}

// A body is a text, bytes, or whatever else the SDK leaves: amqplib takes bytes alone.
function bufferOf(body) {
  if (body === undefined) return Buffer.alloc(0);
  return typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
}

for (const one of JSON.parse(process.env.CASES)) {
  for (const mode of ["structured", "binary"]) {
    const name = `JavaScript, ${mode}/${one.name}`;
    try {
      const message = HTTP[mode](eventOf(one, name));
      const { "content-type": contentType, ...headers } = message.headers;
      const options = { contentType, headers: { ...headers, case: name } };
      channel.publish(process.env.EXCHANGE, "event", bufferOf(message.body), options);
      await channel.waitForConfirms();
    } catch (error) {
      refused[name] = `${error.name}: ${error.message}`;
    }
  }
}
await connection.close();
console.log(JSON.stringify(refused));
