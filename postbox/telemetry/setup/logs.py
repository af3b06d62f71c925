"""The log lines of a program: one sentence and its fields, with the trace that they belong to."""

import logging
import os
import sys
from typing import Any, Final

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor

from postbox.errors import ConfigurationError

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure_logs(name: str, *, subject: str) -> None:
    """Structured lines on standard error: JSON, or coloured text on a terminal.

    `subject` is what a line calls the subject of an event. ConfigurationError for a LOG_LEVEL that
    does not exist.
    """
    level = _level(os.environ.get("LOG_LEVEL") or "INFO")
    # aiormq logs a dropped connection with its traceback; our own line says it in a sentence.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    render: Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        render = structlog.dev.ConsoleRenderer()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
        _with_subject_as(subject),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=name)
    _render_libraries(shared, render, max(level, logging.WARNING))


def log_by_the_standard_library() -> None:
    """Unless somebody has configured structlog: our lines go to the loggers of `logging`."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            _with_trace,
            _as_line,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _as_line(_: Any, __: str, fields: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """What a logger of `logging` is called with: the sentence and its fields as one text."""
    error = fields.pop("exc_info", None)
    sentence = fields.pop("event")
    text = " ".join([sentence, *(f"{name}={value}" for name, value in fields.items())])
    return (text,), {"exc_info": error}


def _level(name: str) -> int:
    if name.upper() not in LEVELS:
        raise ConfigurationError(f"LOG_LEVEL: expected one of {', '.join(LEVELS)}, got {name!r}")
    return logging.getLevelNamesMapping()[name.upper()]


def _render_libraries(shared: list[Processor], render: Processor, level: int) -> None:
    """What libraries log by the standard way looks like our own lines."""
    handler = logging.StreamHandler(sys.stderr)
    only_ours = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[only_ours, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=level)


def _with_trace(_: Any, __: str, fields: EventDict) -> EventDict:
    """The trace that the line belongs to, unless it says so itself."""
    current = trace.get_current_span().get_span_context()
    if current.is_valid:
        fields.setdefault("trace_id", trace.format_trace_id(current.trace_id))
    return fields


def _with_subject_as(field: str) -> Processor:
    def rename(_: Any, __: str, fields: EventDict) -> EventDict:
        if "subject" in fields:
            fields[field] = fields.pop("subject")
        return fields

    return rename
