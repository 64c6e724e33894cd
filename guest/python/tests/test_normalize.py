"""What a normalizer's author relies on: lines, events, and columns that the host accepts."""

import random
import unittest

from updraft_guest import Lines, Normalizer, Severity, testing, timestamp_ns


class Does(Normalizer):
    """A normalizer of one function."""

    def __init__(self, normalize):
        self.normalize = normalize


def run(normalize, data, last=True):
    return testing.normalize(Does(normalize), data, last)


class Normalizing(unittest.TestCase):
    def test_an_event_is_its_line_unless_more_is_said(self):
        def normalize(_origin, lines, events):
            for _, end in lines:
                events.push(end)

        for data in ("", "one\n", "one\ntwo", "\n\nпривіт\n"):
            rows = run(normalize, data).rows()
            self.assertEqual([row.text for row in rows], data.removesuffix("\n").split("\n") if data else [])
            self.assertEqual("".join(row.source.decode() for row in rows), data)
            self.assertTrue(all(row.raw == row.source and row.timestamp is None for row in rows))

    def test_spans_count_bytes_and_texts_from_elsewhere_are_copied(self):
        def normalize(_origin, lines, events):
            end = lines.ends[0]
            start = lines.bytes.index(b" ") + 1
            events.push(end, 7, Severity.ERROR, (start, end - 1), "ß")
            events.attribute_text("whole", (0, end - 1))
            events.attribute_text("made", "чорт")
            events.attribute_json("json", b'{"a":[1]}')

        (row,) = run(normalize, "größe 検査\n").rows()
        self.assertEqual((row.text, row.timestamp, row.severity, row.label), ("検査", 7, 17, "ß"))
        self.assertEqual(row.attributes, {"whole": "größe 検査", "made": "чорт", "json": {"a": [1]}})

    def test_bytes_that_are_not_utf8_stay_as_they_are(self):
        rows = run(lambda _origin, lines, events: events.push(lines.ends[-1]), b"a\xff\xfeb\r\n").rows()
        self.assertEqual((rows[0].message, rows[0].text), (b"a\xff\xfeb\r", "a\ufffd\ufffdb\r"))
        self.assertEqual(Lines(b"\xff\n", [2], True).text(0, 2), "\ufffd")

    def test_a_line_may_become_two_events_and_two_lines_one(self):
        def normalize(_origin, lines, events):
            events.push(3, label="first")
            events.push(lines.ends[0])
            events.push(lines.ends[2], label="joined")

        rows = run(normalize, "abcdef\ng\nh\n").rows()
        self.assertEqual([row.message for row in rows], [b"abc", b"def", b"g\nh"])
        self.assertEqual([row.label for row in rows], ["first", "default", "joined"])

    def test_an_attribute_given_again_replaces_the_one_before(self):
        def normalize(_origin, lines, events):
            for at, (_, end) in enumerate(lines):
                events.push(end)
                events.attribute_text("a", "old")
                events.attribute_text("b", "b")
                events.attribute_json("a", str(at))

        rows = run(normalize, "x\ny\n").rows()
        self.assertEqual([row.attributes for row in rows], [{"a": 0, "b": "b"}, {"a": 1, "b": "b"}])

    def test_what_was_not_used_comes_again(self):
        def normalize(_origin, lines, events):
            events.push(lines.ends[0])
            events.attribute_text("made", "é")
            return 1

        batch = run(normalize, "one\ntwo\n", last=False)
        self.assertEqual((batch.consumed, batch.bytes), (1, b"one\n"))
        self.assertEqual(batch.rows()[0].attributes, {"made": "é"})
        with self.assertRaisesRegex(testing.ContractBroken, "only 1 of 2 lines"):
            run(normalize, "one\ntwo\n")

    def test_what_the_host_would_refuse_is_refused(self):
        def said(change, words):
            def normalize(_origin, lines, events):
                events.push(lines.ends[-1], message=(0, 1))
                events.attribute_text("a", (0, 1))
                change(events)

            with self.assertRaisesRegex(testing.ContractBroken, words):
                run(normalize, "one\ntwo\n")

        said(lambda events: events.push(3), "source_ends decrease")
        said(lambda events: events.columns.source_ends.__setitem__(0, 4), "ends at byte 4, not")
        said(lambda events: events.columns.timestamps.append(0), "severities has 1 entries, not 2")
        said(lambda events: events.columns.message_ends.__setitem__(0, 9), "message 0 is no span")
        said(lambda events: events.columns.message_starts.__setitem__(0, 2), "message 0 is no span")
        said(lambda events: events.columns.labels.append(3), "a label has no name")
        said(lambda events: events.columns.attribute_keys.__setitem__(0, 1), "an attribute has no name")
        said(lambda events: events.columns.attribute_events.__setitem__(0, 1), "an attribute has no event")
        said(lambda events: events.attribute_json("a", "NaN"), "a is not JSON")
        said(lambda events: events.attribute_json("a", "{\n}"), "a is not JSON in one line")
        said(lambda events: events.attribute_json("a", "[" * 200 + "]" * 200), "a is not JSON")
        said(lambda events: events.columns.timestamps.__setitem__(0, 2**63), "more than 64 bits")

    def test_a_span_of_lines_that_were_not_used_is_refused(self):
        def normalize(_origin, lines, events):
            events.push(lines.ends[0], message=(0, lines.ends[1]))
            return 1

        with self.assertRaisesRegex(testing.ContractBroken, "message 0 is no span"):
            run(normalize, "one\ntwo\n", last=False)

    def test_anything_that_is_pushed_keeps_the_contract(self):
        chance = random.Random(6)
        pieces = ["é", "検", "\n", "x", "\\", '"', "\r\n", b"\xff", b"\xf0\x9f"]
        for _ in range(300):
            data = b"".join(p if isinstance(p, bytes) else p.encode() for p in chance.choices(pieces, k=40))

            def normalize(_origin, lines, events):
                used = len(lines) if lines.last else chance.randint(0, len(lines))
                at, end = 0, lines.ends[used - 1] if used else 0
                while at < end:
                    start, at = at, chance.randint(at + 1, end)
                    message = chance.choice([None, (start, at), "ü", b"\xff", ""])
                    events.push(at, chance.randint(-(2**63), 2**63 - 1), 9, message, chance.choice(["", "a", "b"]))
                    for key in chance.choices("abc", k=2):
                        events.attribute_text(key, chance.choice([(start, at), "é"]))
                return used

            batch = run(normalize, data, last=chance.random() < 0.5)
            self.assertEqual(b"".join(row.source for row in batch.rows()), batch.bytes)


class Times(unittest.TestCase):
    def test_iso_8601_as_airflow_writes_it(self):
        self.assertEqual(timestamp_ns("1970-01-01T00:00:01.5+0000"), 1_500_000_000)
        self.assertEqual(timestamp_ns(b"2024-05-01T02:30:00.123456+02:00"), timestamp_ns("2024-05-01T00:30:00.123456Z"))
        self.assertEqual(timestamp_ns("1969-12-31 23:59:59,999999"), -1_000)

    def test_what_is_no_time_or_too_far_away_is_none(self):
        for text in (
            "",
            "yesterday",
            b"\xff",
            "2024-13-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59Z",
        ):
            self.assertEqual(timestamp_ns(text), -(2**63), text)


if __name__ == "__main__":
    unittest.main()
