"""Replacing text wherever an event carries it: what a mask hides must not survive in another spelling.

A text is searched as it stands and as it reads, escapes undone: the strings of JSON each for itself, so that it stays
JSON; then all of it in both ways, so that a value is found that only its key gives away. Whatever one of these finds is
hidden, though it were JSON no more. What is read is searched in the same way: logs quote JSON that quotes JSON.
"""

import json
import re
from bisect import bisect_left

from .columns import Span, encoded
from .unescaped import Unescaped

# How often what was escaped may have been escaped again: each level is one more pass over the text.
_MAX_LEVELS = 8
# A JSON string; possessive, so that a long one is not tried twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
# What JSON may write as a backslash and one more letter.
_ESCAPED = re.compile(rb'["\\/\b\f\n\r\t]')
# Start, end, and how often what takes its place must be escaped there.
_Match = tuple[int, int, int]


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
    """Replaces what it finds by the same bytes always."""

    def __init__(self, what: "str | bytes | re.Pattern[bytes]", by: bytes) -> None:
        self._by = by
        self._by_must_be_escaped = _quoted(by) != by
        if isinstance(what, re.Pattern):
            if not isinstance(what.pattern, bytes):
                raise TypeError("logs are bytes: a pattern must be, too, such as re.compile(rb'...')")
            self._pattern = what
            self._needle = b""
            self._escape = b"\\"
        else:
            self._needle = encoded(what)
            self._pattern = re.compile(re.escape(self._needle))
            # Letters hide behind no escape but this one.
            self._escape = b"\\" if _ESCAPED.search(self._needle) else b"\\u"
        self._finds_nothing = not isinstance(what, re.Pattern) and not what

    def may_match(self, text: bytes) -> bool:
        """False if no piece of the text, however it is escaped, is a match."""
        if self._finds_nothing:
            return False
        return not self._needle or self._needle in text or self._escape in text

    def replaced(self, text: bytes) -> bytes | None:
        """The text with every match replaced; None when there is none. Empty ones are ignored."""
        if not self.may_match(text):
            return None
        is_plain = self._escape not in text and not self._by_must_be_escaped
        found = [(*at, 0) for at in self._find_all(text)] if is_plain else self._search(text, _MAX_LEVELS)
        pieces, copied = [], 0
        for start, end, escapes in _joined(found):
            by = self._by
            for _ in range(escapes if self._by_must_be_escaped else 0):
                by = _quoted(by)
            pieces += text[copied:start], by
            copied = end
        if not found:
            return None
        pieces.append(text[copied:])
        return b"".join(pieces)

    def _find_all(self, text: bytes, start: int = 0, end: int | None = None) -> list[Span]:
        piece = text[start:end]
        return [(start + at.start(), start + at.end()) for at in self._pattern.finditer(piece) if at[0]]

    def _search(self, text: bytes, levels: int) -> list[_Match]:
        if (b"\\" in text or self._by_must_be_escaped) and is_json_text(text):
            return self._search_json(text, levels)
        found = [(start, end, 0) for start, end in self._find_all(text)]
        read = Unescaped(text) if levels else None
        if read:
            inner = self._search(read.text, levels - 1)
            found += [(*read.source(start, end), escapes + 1) for start, end, escapes in inner]
        return found

    def _search_json(self, text: bytes, levels: int) -> list[_Match]:
        found: list[_Match] = []
        done = 0
        for string in _STRING.finditer(text):
            start, end = string.start() + 1, string.end() - 1
            read = Unescaped(text[start:end]) if b"\\" in string[0] else None
            if read:
                # What stands between such strings is also searched for itself: no match in them hides one there.
                found += [(*at, 1) for at in self._find_all(text, done, start)]
                for one, other, escapes in self._search(read.text, levels - 1) if levels else []:
                    one, other = read.source(one, other)
                    found.append((start + one, start + other, escapes + 1))
                done = end
        found += [(*at, 1) for at in self._find_all(text, done)]
        read = Unescaped(text)
        if read:
            found += [(*read.source(one, other), 1) for one, other in self._find_all(read.text)]
            found += self._all_as_it_stands(text, read, found)
        return found

    def _all_as_it_stands(self, text: bytes, read: Unescaped, found: list[_Match]) -> list[_Match]:
        """What begins in one string and ends in another, or behind it, whatever they escape.

        Half an escape is no match, but part of one.
        """
        hidden = _joined(found, touching=True)
        ends = [end for _, end, _ in hidden]
        more: list[_Match] = []
        for one, other in self._find_all(text):
            whole = read.whole(one, other)
            if whole is None:
                continue
            within, (start, end) = whole
            near = bisect_left(ends, start)
            # As it reads it was found, too, and without the letter that is half an escape.
            is_hidden = False
            # What touches it is more of the same.
            while near < len(hidden) and hidden[near][0] <= end:
                first, last, _ = hidden[near]
                is_hidden |= first <= within[0] < within[1] <= last
                start, end = min(start, first), max(end, last)
                near += 1
            if not is_hidden:
                more.append((start, end, 1))
        return more


def _joined(found: list[_Match], *, touching: bool = False) -> list[_Match]:
    """Matches in order, those that overlap as one; or those that touch, too."""
    joined: list[_Match] = []
    for start, end, escapes in sorted(found):
        if joined and start < joined[-1][1] + touching:
            before = joined.pop()
            start, end, escapes = before[0], max(end, before[1]), max(escapes, before[2])
        joined.append((start, end, escapes))
    return joined


def _quoted(text: bytes) -> bytes:
    return json.dumps(text.decode(errors="replace"), ensure_ascii=False)[1:-1].encode()
