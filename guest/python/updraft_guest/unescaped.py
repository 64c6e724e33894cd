"""A text as it reads once its escapes are undone, and where each piece of that stands in the text itself."""

import re
from bisect import bisect_left, bisect_right

# JSON's; any other backslash stands for itself. A pair of surrogates is one character.
_ESCAPE = re.compile(rb'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])')
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class Unescaped:
    """What is found behind escapes can be replaced where it stands: in JSON, half of it, or JSON within a sentence."""

    def __init__(self, source: bytes) -> None:
        pieces = []
        # Of each escape, in order: where it reads (start, end), where it stands (start, end).
        self._starts: list[int] = []
        self._escapes: list[tuple[int, int, int]] = []
        copied = length = 0
        for found in _ESCAPE.finditer(source):
            start, end = found.span()
            character = _character(found[0])
            pieces += source[copied:start], character
            length += start - copied
            self._starts.append(length)
            length += len(character)
            self._escapes.append((length, start, end))
            copied = end
        pieces.append(source[copied:])
        # As it reads.
        self.text = b"".join(pieces)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Where a piece of `text` that is not empty stands. Never half an escape."""
        return self._place(start)[0], self._place(end - 1)[1]

    def whole(self, start: int, end: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """A piece of the source without the halves of escapes at its ends, and with the whole of them.

        None if it is a part of one escape. Without them it may be empty.
        """
        first, last = self._cut(start), self._cut(end)
        within = first[1] if first else start, last[0] if last else end
        around = first[0] if first else start, last[1] if last else end
        is_a_part = first == last if first and last else within[0] >= within[1]
        return None if is_a_part else (within, around)

    def _cut(self, at: int) -> tuple[int, int] | None:
        """Where the escape stands that has parts before and behind that place."""
        before = bisect_left(self._escapes, at, key=lambda escape: escape[1])
        if before == 0:
            return None
        _, start, end = self._escapes[before - 1]
        return (start, end) if at < end else None

    def _place(self, at: int) -> tuple[int, int]:
        known = bisect_right(self._starts, at)
        if known == 0:
            return at, at + 1
        reads_end, start, end = self._escapes[known - 1]
        if at < reads_end:
            return start, end
        return end + at - reads_end, end + at - reads_end + 1


def _character(escape: bytes) -> bytes:
    if escape[1:2] != b"u":
        return _LETTERS.get(escape[1:], escape[1:])
    if len(escape) == 12:
        units = int(escape[2:6], 16), int(escape[8:], 16)
        return chr(0x1_0000 + ((units[0] - 0xD800) << 10) + units[1] - 0xDC00).encode()
    unit = int(escape[2:], 16)
    # Half a pair.
    return b"\xef\xbf\xbd" if 0xD800 <= unit < 0xE000 else chr(unit).encode()
