"""The gateway's API in OpenAPI 3.1, its schemas written from the types that check requests."""
