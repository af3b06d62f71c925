// Preloaded into a program in Node: it dies by SIGKILL at its first acknowledgement, or where it
// says that something was placed, which is after its commit.

const die = () => process.kill(process.pid, "SIGKILL");

if (process.env.CRASH_AT === "ack") {
  const { Channel } = (await import("./node_modules/amqplib/lib/channel_model.js")).default;
  Channel.prototype.ack = die;
}
if (process.env.CRASH_AT === "placed") console.log = die;
