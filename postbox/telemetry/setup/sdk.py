"""The OpenTelemetry SDK of a program, configured by the standard `OTEL_*` variables."""

import os
from threading import Thread
from time import monotonic
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

FLUSH_LIMIT_S: Final = 2.0


def configure_sdk(name: str, *, exports_traces: bool, exports_metrics: bool) -> None:
    """Provide metrics at `/metrics`, and export what is asked for by OTLP."""
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", name)})
    _configure_metrics(resource, exports=exports_metrics)
    if exports_traces:
        _configure_traces(resource)


def provide_metrics(name: str) -> None:
    """Provide metrics at `/metrics` where nobody provides any."""
    if isinstance(metrics.get_meter_provider(), MeterProvider | metrics.NoOpMeterProvider):
        return
    _configure_metrics(Resource.create({"service.name": name}), exports=False)


def shut_down() -> None:
    """Send what is buffered; a collector that does not take it in time delays nothing."""
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


def _configure_traces(resource: Resource) -> None:
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    from postbox.telemetry.setup.span_exporter import SpanExporter

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(SpanExporter()))
    trace.set_tracer_provider(provider)
    if "pymongo" not in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ""):
        PymongoInstrumentor().instrument()


def _configure_metrics(resource: Resource, *, exports: bool) -> None:
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if exports:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    metrics.set_meter_provider(MeterProvider(readers, resource=resource, shutdown_on_exit=False))
