"""The client, part by part."""
