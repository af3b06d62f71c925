"""Logs, traces and metrics of a whole program.

Guarantees that a program logs structured lines, and that with none of the `OTEL_*` variables set
nothing is traced or sent. It must run before a MongoDB client is made, for the instrumentation to
see it. The SDK is in the extra `telemetry`: without it a program runs without metrics, and refuses
to start where a variable asks for an export. Imports the API's room and errors.
"""

import os
from importlib.util import find_spec

from postbox.errors import ConfigurationError
from postbox.telemetry.setup.logs import configure_logs, log_by_the_standard_library

__all__ = ["configure", "has_sdk", "inside_another_program", "shut_down"]


def configure(name: str, *, subject: str = "subject") -> None:
    """Set up logging and telemetry for the program `name` (OTEL_SERVICE_NAME overrides it).

    `subject` is what log lines call the subject of an event. ConfigurationError where a variable
    asks for an export and the extra `telemetry` is not installed.
    """
    configure_logs(name, subject=subject)
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    traces, metrics = _endpoint("TRACES"), _endpoint("METRICS")
    if has_sdk():
        from postbox.telemetry.setup.sdk import configure_sdk

        configure_sdk(name, exports_traces=traces is not None, exports_metrics=metrics is not None)
    elif (variable := traces or metrics) is not None:
        raise ConfigurationError(f"{variable}: pip install 'postbox-mongo[telemetry]' to export")


def inside_another_program(name: str) -> None:
    """Set up what the program has not: lines in the standard library's log, metrics at `/metrics`.

    What it has set up is left alone, and traces are its own to set up.
    """
    log_by_the_standard_library()
    if has_sdk():
        from postbox.telemetry.setup.sdk import provide_metrics

        provide_metrics(name)


def shut_down() -> None:
    """Send what is still buffered, within two seconds."""
    if has_sdk():
        from postbox.telemetry.setup.sdk import shut_down

        shut_down()


def has_sdk() -> bool:
    """Whether the extra `telemetry` is installed."""
    return find_spec("opentelemetry.sdk") is not None and find_spec("prometheus_client") is not None


def _endpoint(signal: str) -> str | None:
    """The variable that says where to export `signal`; None where none does."""
    if os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") == "none":
        return None
    variables = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return next((name for name in variables if os.environ.get(name)), None)
