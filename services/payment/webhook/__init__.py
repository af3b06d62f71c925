"""The provider's web-hook: its signature, and the charges that it reports."""
