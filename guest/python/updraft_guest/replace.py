"""Replacing text wherever an event carries it: what a mask hides must not survive in another spelling."""

import json
import re

from .columns import encoded

# A JSON string; possessive, so that a long one is not tried twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_SURROGATES = re.compile("[\ud800-\udfff]")
# What JSON may write as a backslash and one more letter.
_ESCAPED = re.compile(rb'["\\/\b\f\n\r\t]')


def is_json(text: bytes) -> bool:
    """Whether the host takes it as a JSON attribute: one value, in one line, of UTF-8."""
    return b"\n" not in text and b"\r" not in text and is_json_text(text)


def is_json_text(text: bytes) -> bool:
    try:
        json.loads(text.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


class Finder:
    """Replaces what it finds by the same bytes always: what a mask hides must not survive in another spelling."""

    def __init__(self, what: "str | bytes | re.Pattern[bytes]", by: bytes) -> None:
        self.by = by
        if isinstance(what, re.Pattern):
            if not isinstance(what.pattern, bytes):
                raise TypeError("logs are bytes: a pattern must be, too, such as re.compile(rb'...')")
            self.needle = b""
            # Empty matches are ignored.
            self.replace = lambda text: what.sub(lambda found: by if found[0] else b"", text)
            self.may_match = lambda _text: True
            self.escape = b"\\"
        else:
            needle = self.needle = encoded(what)
            self.replace = lambda text: text.replace(needle, by) if needle and needle in text else text
            # Letters hide behind no escape but this one.
            self.escape = b"\\" if _ESCAPED.search(needle) else b"\\u"
            self.may_match = lambda text: needle in text or self.escape in text

    def in_text(self, text: bytes) -> bytes | None:
        """The text with every match replaced; None when there is no match."""
        replaced = self.replace(text)
        return None if replaced == text else replaced

    def in_maybe_json(self, text: bytes) -> bytes | None:
        """The same for what may be JSON, where a match may hide behind escapes (`caf\\u00e9`, `a\\"b`)."""
        if self.escape not in text or not is_json_text(text):
            return self.in_text(text)
        pieces, done = [], 0
        for found in _STRING.finditer(text):
            if b"\\" not in found[0]:
                continue
            read = _SURROGATES.sub("\ufffd", json.loads(found[0])).encode()
            replaced = self.in_text(read)
            if replaced is not None:
                quoted = json.dumps(replaced.decode(errors="replace"), ensure_ascii=False)
                pieces += self.replace(text[done : found.start()]), quoted.encode()
                done = found.end()
        pieces.append(self.replace(text[done:]))
        replaced = b"".join(pieces)
        return None if replaced == text else replaced
