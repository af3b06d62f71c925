"""The headers of a dead letter: why, where and when it was set aside."""

REASON, ERROR, QUEUE, AT = (
    "x-postbox-reason",
    "x-postbox-error",
    "x-postbox-queue",
    "x-postbox-at",
)
