"""What a component may ask of the host: a line in its log, a number in its metrics. Nothing else is there."""

import sys

try:
    from wit_world.imports import host as _host
except ImportError:
    _host = None


def log(severity: int, message: str) -> None:
    """Writes a line to the host's log (rate-limited there). Natively: to stderr."""
    if _host:
        _host.log(severity, message)
    else:
        print(f"[severity {severity}] {message}", file=sys.stderr)


def count(name: str, by: int = 1) -> None:
    """Adds to a counter of the host's metrics. Natively: nothing."""
    if _host:
        _host.count(name, by)
