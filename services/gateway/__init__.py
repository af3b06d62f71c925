"""The gateway: takes intents in over HTTP and shows what became of them."""
