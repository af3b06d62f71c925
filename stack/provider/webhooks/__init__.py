"""What the provider tells of itself: made with what happened, sent until it is answered 2xx."""

from stack.provider.webhooks.announcements import (
    Announcements,
    StandardAnnouncements,
    StandardSigner,
)
from stack.provider.webhooks.endpoint import Endpoint
from stack.provider.webhooks.pending import Dispatcher, PendingWebhooks, Signer, now_ms

__all__ = [
    "Announcements",
    "Dispatcher",
    "Endpoint",
    "PendingWebhooks",
    "Signer",
    "StandardAnnouncements",
    "StandardSigner",
    "now_ms",
]
