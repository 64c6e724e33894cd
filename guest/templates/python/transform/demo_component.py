"""Hides a secret wherever an event carries it, labels errors, and drops what is only for debugging."""

from updraft_guest import EventSet, LogStream, Severity, Transformer, export_transformer


class Mask(Transformer):
    """The component. Its config: `secret`, the text to hide."""

    def __init__(self, config: dict) -> None:
        secret = config.get("secret")
        if not isinstance(secret, str) or not secret:
            # The config is not shown: it may hold the secret.
            raise ValueError("its config must name the `secret` to hide, as a text")
        self.secret = secret

    def transform(self, origin: LogStream, events: EventSet) -> None:
        for event in events:
            if Severity.NONE < event.severity < Severity.INFO:
                event.drop()
            elif event.severity >= Severity.ERROR:
                event.label = "errors"
        # Message, attributes and raw bytes: what is hidden is gone from all three.
        events.replace(self.secret, "***")


export_transformer(Mask)
