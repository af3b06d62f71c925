"""The gateway: takes wishes in over HTTP and shows what became of them."""
