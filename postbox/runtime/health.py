"""Whether a program can do its work now, and if not, which part fails and why."""


class Health:
    """What each part of a program last said of itself. One that has not spoken yet is failing."""

    def __init__(self, *parts: str, service: str | None = None) -> None:
        """`service` tells its metric from that of another one in the same process."""
        self._service = service
        self._problems: dict[str, str] = dict.fromkeys(parts, "starting")
        self._parts: dict[str, None] = dict.fromkeys(parts)
        self._show(not self._problems)

    def ok(self, part: str) -> None:
        """`part` does its work."""
        self._parts[part] = None
        self._problems.pop(part, None)
        self._show(not self._problems)

    def fail(self, part: str, reason: str) -> None:
        """`part` cannot do its work, and why."""
        self._parts[part] = None
        self._problems[part] = reason
        self._show(False)

    @property
    def problems(self) -> dict[str, str]:
        """Each failing part with its reason; empty when the program is ready."""
        return dict(self._problems)

    @property
    def report(self) -> dict[str, str]:
        """Every part, with "ok" or what is wrong."""
        return {part: self._problems.get(part, "ok") for part in self._parts}

    def _show(self, is_ready: bool) -> None:
        # Imported here, for the core imports this room and has no use for metrics.
        from postbox.telemetry import metrics

        metrics.ready(is_ready, self._service)
