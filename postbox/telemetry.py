"""Logs, traces and metrics of a program, configured by the standard `OTEL_*` variables.

With none of them set, nothing is traced or sent, and it costs nothing; metrics are always there to
be read at `/metrics`. Must run before a MongoDB client is made, for its instrumentation to see it.
"""

import logging
import os
import sys

import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def configure(name: str) -> None:
    """Set up logging and telemetry for the program `name` (OTEL_SERVICE_NAME overrides it)."""
    _configure_logs(name)
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    service = os.environ.get("OTEL_SERVICE_NAME", name)
    resource = Resource.create({"service.name": service})
    _configure_metrics(resource)
    if _exports("TRACES"):
        _configure_traces(resource)


def shut_down() -> None:
    """Send what is still buffered."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        if isinstance(provider, TracerProvider | MeterProvider):
            provider.shutdown()


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
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    if "pymongo" not in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ""):
        PymongoInstrumentor().instrument()


def _configure_metrics(resource: Resource) -> None:
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if _exports("METRICS"):
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    metrics.set_meter_provider(MeterProvider(readers, resource=resource))


def _configure_logs(name: str) -> None:
    level = logging.getLevelNamesMapping().get(os.environ.get("LOG_LEVEL", "INFO").upper(), 20)
    logging.basicConfig(stream=sys.stderr, level=max(level, logging.WARNING), format="%(message)s")
    # aiormq logs a dropped connection with its traceback; our own line says it in a sentence.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=name)
