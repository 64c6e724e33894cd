"""Escapes are undone as JSON does it, wherever they stand, and what was found is found where it stands."""

import json
import random
import unittest

from updraft_guest.unescaped import Unescaped


class Reading(unittest.TestCase):
    def test_escapes_are_undone_wherever_they_stand_and_other_backslashes_are_kept(self):
        for source, text in (
            (r"a\"\\\/\b\f\n\r\t\u00e9", 'a"\\/\b\f\n\r\té'),
            (r"\ud83d\ude80 \udc80x \ud83d\u0041", "\U0001f680 \ufffdx \ufffdA"),
            (r"C:\x\u00 \u0041", r"C:\x\u00 A"),
        ):
            self.assertEqual(Unescaped(source.encode()).text.decode(), text)
        for source in ("", "plain", r"\x", r"\u004", "\\", r"\d\w", r"\u00g1"):
            self.assertFalse(Unescaped(source.encode()), source)

    def test_it_reads_as_json_strings_do(self):
        chance = random.Random(8)
        pieces = ["a", "é", "𝄞", r"\"", r"\\", r"\/", r"\n", r"\u0041", r"\u00e9", r"\ud83d\ude80"]
        for _ in range(300):
            inside = "".join(chance.choices(pieces, k=10))
            self.assertEqual(Unescaped(inside.encode()).text.decode(), json.loads(f'"{inside}"'))

    def test_a_piece_is_found_where_it_stands(self):
        chance = random.Random(9)
        for _ in range(300):
            parts = ["".join(chance.choices('aé𝄞"\\\n/', k=4)) for _ in range(3)]
            before, piece, after = (json.dumps(it, ensure_ascii=chance.random() < 0.5)[1:-1].encode() for it in parts)
            start = len(parts[0].encode())
            at = Unescaped(before + piece + after).source(start, start + len(parts[1].encode()))
            self.assertEqual(at, (len(before), len(before) + len(piece)))


if __name__ == "__main__":
    unittest.main()
