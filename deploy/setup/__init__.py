"""What is done once to a new MongoDB and a new RabbitMQ, by containers of the programs' image."""
