"""Private servers: mongod and RabbitMQ, each in a folder and on ports of its own."""
