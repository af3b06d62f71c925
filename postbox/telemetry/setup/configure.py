"""Logs, traces and metrics of a program, configured by the standard `OTEL_*` variables.

With none of them set, nothing is traced or sent, and it costs nothing; metrics are always there to
be read at `/metrics`. Must run before a MongoDB client is made, for its instrumentation to see it.
"""

import logging
import os
import sys
from threading import Thread
from time import monotonic
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from structlog.typing import EventDict, Processor

from postbox.errors import ConfigurationError

FLUSH_LIMIT_S = 2.0
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure(name: str, *, subject: str = "subject") -> None:
    """Set up logging and telemetry for the program `name` (OTEL_SERVICE_NAME overrides it).

    `subject` is what log lines call the subject of an event.
    """
    _configure_logs(name, subject)
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    service = os.environ.get("OTEL_SERVICE_NAME", name)
    resource = Resource.create({"service.name": service})
    _configure_metrics(resource)
    if _exports("TRACES"):
        _configure_traces(resource)


def shut_down() -> None:
    """Send what is still buffered; a collector that does not take it in time holds nobody up."""
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    flushing = [
        Thread(target=provider.shutdown, daemon=True)
        for provider in providers
        if isinstance(provider, TracerProvider | MeterProvider)
    ]
    until = monotonic() + FLUSH_LIMIT_S
    for thread in flushing:
        thread.start()
    for thread in flushing:
        thread.join(max(0.0, until - monotonic()))


def _exports(signal: str) -> bool:
    if os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") == "none":
        return False
    return any(
        os.environ.get(variable)
        for variable in (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT",
        )
    )


def _configure_traces(resource: Resource) -> None:
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    from postbox.telemetry.setup.span_exporter import SpanExporter

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(SpanExporter()))
    trace.set_tracer_provider(provider)
    if "pymongo" not in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ""):
        PymongoInstrumentor().instrument()


def _configure_metrics(resource: Resource) -> None:
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if _exports("METRICS"):
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    metrics.set_meter_provider(MeterProvider(readers, resource=resource, shutdown_on_exit=False))


def _configure_logs(name: str, subject: str) -> None:
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
