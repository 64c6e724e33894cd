"""What a transformer's author relies on: nothing moves that was not touched, and what is replaced is gone."""

import json
import random
import re
import unittest

from updraft_guest import Severity, Transformer, testing
from updraft_guest.testing import Row


class Does(Transformer):
    """A transformer of one function."""

    def __init__(self, transform):
        self.transform = lambda _origin, events: transform(events)


def run(transform, *given):
    return testing.transform(Does(transform), testing.events(given))


def each(change):
    def transform(events):
        for event in events:
            change(event)

    return transform


def replaced(row, what, by):
    """One row with something replaced: by `Event.replace`, and by `EventSet.replace`, which must do the same."""
    one = run(each(lambda event: event.replace(what, by)), row).rows()[0]
    assert run(lambda events: events.replace(what, by), row).rows()[0] == one
    return one


class Changing(unittest.TestCase):
    def test_what_is_not_touched_goes_back_as_it_came(self):
        given = testing.events([Row(b"x", attributes={"a": "é", "b": [1]}, label="l"), b"\xff"])
        back = testing.transform(
            Does(each(lambda event: (event.text, event.raw, event.attributes["a"] if event.attributes else 0))), given
        )
        self.assertEqual(back.columns, given.columns)
        self.assertEqual(run(lambda events: events.replace("x", "y")).rows(), [])

    def test_each_part_of_an_event_can_be_read_and_changed(self):
        def change(event):
            self.assertEqual(
                (event.text, event.raw, event.timestamp, event.severity), ("größe", "größe\n".encode(), 5, 9)
            )
            self.assertEqual((event.label, dict(event.attributes)), ("l", {"k": "ключ"}))
            event.message = event.text + "!"
            event.raw = b"\xff"
            event.timestamp += 1
            event.severity = Severity.ERROR
            event.label = "m"
            self.assertEqual((event.message, event.raw, event.label), ("größe!".encode(), b"\xff", "m"))

        (row,) = run(
            each(change), Row("größe".encode(), timestamp=5, severity=9, label="l", attributes={"k": "ключ"})
        ).rows()
        self.assertEqual((row.text, row.raw, row.timestamp, row.severity, row.label), ("größe!", b"\xff", 6, 17, "m"))

    def test_attributes_are_a_mapping(self):
        def change(event):
            event.attributes["team"] = "данные"
            event.attributes["n"] = {"é": [None, 1.5]}
            event.attributes["old"] = 2
            self.assertEqual(event.attributes.raw("team"), ("данные".encode(), False))
            del event.attributes["gone"]
            self.assertEqual(event.attributes.pop("gone", "no"), "no")
            self.assertEqual((len(event.attributes), "gone" in event.attributes), (3, False))
            with self.assertRaises(KeyError):
                del event.attributes["gone"]

        rows = run(each(change), *[Row(b"x", attributes={"gone": "x", "old": 1})] * 2).rows()
        self.assertEqual([row.attributes for row in rows], [{"old": 2, "team": "данные", "n": {"é": [None, 1.5]}}] * 2)

    def test_attributes_of_one_event_change_and_those_of_others_stay(self):
        given = [Row(b"%d" % at, attributes={"a": str(at), "b": at}) for at in range(5)]
        for changed in range(5):

            def transform(events):
                for event in events:
                    if event.at == changed:
                        event.attributes.clear()
                        event.attributes["c"] = "new"

            rows = run(transform, *given).rows()
            wanted = [{"c": "new"} if at == changed else row.attributes for at, row in enumerate(given)]
            self.assertEqual([row.attributes for row in rows], wanted)

    def test_dropped_events_are_counted_by_the_host_and_seen_by_nobody(self):
        def transform(events):
            next(iter(events)).drop()
            self.assertEqual([event.message for event in events], [b"two"])
            events.replace("o", "0")

        rows = run(transform, b"one", b"two").rows()
        self.assertEqual([(row.message, row.label) for row in rows], [(b"one", None), (b"tw0", "default")])

    def test_columns_can_be_written_directly(self):
        def transform(events):
            columns = events.columns
            columns.labels[:] = [columns.label("loud") if it >= Severity.ERROR else 0 for it in columns.severities]

        rows = run(transform, Row(b"a", severity=17), Row(b"b", severity=9)).rows()
        self.assertEqual([row.label for row in rows], ["loud", "default"])

    def test_a_stage_reads_what_the_one_before_it_made(self):
        batch = run(lambda events: events.replace("é", "ß"), "é1".encode())
        again = testing.transform(Does(lambda events: events.replace("ß1", "ok")), batch)
        self.assertEqual((again.rows()[0].text, again.rows()[0].raw), ("ok", b"ok\n"))

    def test_events_that_were_merged_are_refused(self):
        def merge(events):
            columns = events.columns
            for column in vars(columns).values():
                if len(column) == 2:
                    del column[0]

        with self.assertRaisesRegex(testing.ContractBroken, "never merged"):
            run(merge, b"one", b"two")


class Replacing(unittest.TestCase):
    def test_a_match_is_gone_from_message_raw_attributes_and_their_names(self):
        row = replaced(Row("pä55 x".encode(), attributes={"t": "pä55", "j": ["pä55"], "pä55": 1}), "pä55", "*")
        self.assertEqual((row.text, row.raw), ("* x", b"* x\n"))
        self.assertEqual(row.attributes, {"t": "*", "j": ["*"], "*": 1})

    def test_a_match_behind_escapes_is_found(self):
        raw = rb'{"a":"caf\u00e9 s3cr\"et","b":["x\ns3cr\"et"],"c":1}'
        row = replaced(Row(b"m", raw=raw), 's3cr"et', "***")
        self.assertEqual(row.raw.decode(), r'{"a":"caf\u00e9 ***","b":["x\n***"],"c":1}')
        row = replaced(Row(b"m", raw=rb'{"a":"caf\u00e9","b":"\u0062ob"}'), "é", "e")
        self.assertEqual(row.raw, rb'{"a":"cafe","b":"\u0062ob"}')
        row = replaced(Row(b"m", raw=rb'{"b":"\u0062ob"}'), b"bob", b"-")
        self.assertEqual(row.raw, rb'{"b":"-"}')

    def test_json_that_was_torn_or_is_part_of_a_sentence_is_read_too(self):
        row = replaced(
            Row(rb'sent {"a": "p\u00e4ss\"word"}, code 200', raw=rb'{"a":"p\u00e4ss\"word hunt'), 'päss"word', "***"
        )
        self.assertEqual((row.message, row.raw), (b'sent {"a": "***"}, code 200', b'{"a":"*** hunt'))
        self.assertEqual(replaced(Row(rb"C:\users\hunter2"), "hunter2", "*").message, rb"C:\users\*")
        self.assertEqual(replaced(Row(b"m", raw=rb'{"a":"x\ny\u00e9"}'), "u00e9", "*").raw, rb'{"a":"x\ny\u00e9"}')

    def test_json_within_json_is_read_at_every_level_and_what_is_put_there_is_escaped_as_often(self):
        for by in ("***", '"q"'):
            text = r"caf\u00e9"
            for level in range(1, 5):
                text = json.dumps({"event": "got " + text, "level": level})
                read = json.loads(replaced(Row(b"m", raw=text.encode()), "café", by).raw)
                for _ in range(level - 1):
                    read = json.loads(read["event"].removeprefix("got "))
                self.assertEqual(read["event"], "got " + (by if by == "***" else json.dumps(by)[1:-1]))

    def test_a_value_that_only_its_key_gives_away_is_found_behind_escapes(self):
        key = re.compile(rb'(?<=key":")[^"]*')
        for raw, masked in (
            (r'{"key":"a\/b","x":"\n"}', r'{"key":"***","x":"\n"}'),
            (r'{"k\u0065y":"ab"}', r'{"k\u0065y":"***"}'),
            (r'{"a":"{\"key\":\"a\\/b\"}"}', r'{"a":"{\"key\":\"***\"}"}'),
        ):
            self.assertEqual(replaced(Row(b"m", raw=raw.encode()), key, "***").raw.decode(), masked)

    def test_a_match_across_the_borders_of_strings_is_replaced_whatever_they_escape(self):
        member = re.compile(rb'"private_key": *"(?:[^"\\]|\\.)+"')
        value = re.compile(rb'(?<="pw": ")(?:[^"\\]|\\.)*')
        nested = json.dumps({"event": r'{"private_key": "BEGIN\nsecret\nEND"}'})
        for what, raw, masked in (
            (
                re.compile(rb'"private_key": *"[^"]+"'),
                r'{"event":"x","private_key": "BEGIN\nMIIEsecret\nEND"}',
                r'{"event":"x",***}',
            ),
            (member, r'{"event":"x\n", "private_key": "secret", "a": "\n"}', r'{"event":"x\n", ***, "a": "\n"}'),
            (member, r'{"event":"x", "private\u005fkey": "MIIE\/secret"}', '{"event":"x", ***}'),
            (member, nested, '{"event": "{***}"}'),
            (value, r'{"pw": "abc\"defSECRET", "a": "b"}', '{"pw": "***", "a": "b"}'),
        ):
            with self.subTest(raw):
                self.assertEqual(replaced(Row(b"m", raw=raw.encode()), what, "***").raw.decode(), masked)

    def test_matches_of_two_readings_that_touch_are_replaced_as_one(self):
        # The one only as it stands, the other only as it reads.
        what = re.compile(rb"(?<=\\nxab)CRE|(?<=\nx)ab")
        self.assertEqual(replaced(Row(b"m", raw=rb'{"a":"\nxabCREy"}'), what, "***").raw, rb'{"a":"\nx***y"}')
        self.assertEqual(replaced(Row(b"m", raw=rb'{"a":"\nxababy"}'), b"ab", "***").raw, rb'{"a":"\nx******y"}')

    def test_a_match_with_half_an_escape_is_replaced_with_all_of_it_unless_it_reads_better(self):
        for what, raw, masked in (
            (re.compile(rb"nancy"), r'{"a":"x\nancy"}', '{"a":"x***"}'),
            (re.compile(rb"[a-z]+@"), r'{"a":"to\nbob@"}', r'{"a":"to\n***"}'),
            (re.compile(rb"n"), r'{"a":"x\ny"}', r'{"a":"x\ny"}'),
        ):
            self.assertEqual(replaced(Row(b"m", raw=raw.encode()), what, "***").raw.decode(), masked)

    def test_a_number_is_replaced_too_and_hides_no_other_match(self):
        row = replaced(Row(b"m", raw=rb'{"a":4711,"b":"47\u00311"}', attributes={"n": 4711}), "4711", "***")
        self.assertEqual(row.raw, b'{"a":***,"b":"***"}')
        self.assertEqual(row.attributes, {"n": "***"})

    def test_a_replacement_that_contains_the_match_is_made_once(self):
        self.assertEqual(replaced(Row(b"bob", raw=rb'["bob","bob\n"]'), "bob", "bobby").raw, rb'["bobby","bobby\n"]')

    def test_a_line_break_in_the_replacement_does_not_tear_json(self):
        self.assertEqual(replaced(Row(b"m", attributes={"j": [1]}), "1", "1\n").attributes, {"j": r"[1\n]"})

    def test_names_that_become_the_same_are_told_apart_and_those_of_the_contract_stay(self):
        row = replaced(
            Row(b"m", attributes={"a1": 1, "a2": 2, "-": 3, "logger": "a"}), re.compile(rb"a\d?|logger"), "-"
        )
        self.assertEqual(row.attributes, {"-_": 1, "-__": 2, "-": 3, "logger": "-"})

    def test_a_pattern_finds_each_match_and_no_empty_one(self):
        row = replaced(Row("token=é token=".encode()), re.compile(rb"(?<==)\S*"), "*")
        self.assertEqual(row.text, "token=* token=")
        with self.assertRaisesRegex(TypeError, "must be, too"):
            replaced(Row(b"x"), re.compile("x"), "y")

    def test_nothing_is_replaced_by_looking_for_nothing(self):
        self.assertEqual(replaced(Row(b"x", raw=b'"\\u0041"'), "", "y").raw, b'"\\u0041"')

    def test_half_a_surrogate_pair_and_bytes_that_are_not_utf8_do_no_harm(self):
        self.assertEqual(replaced(Row(b"m", raw=rb'["\ud800 x\u0031"]'), "x1", "-").raw.decode(), r'["\ud800 -"]')
        self.assertEqual(replaced(Row(b"m", raw=b'["\\u0041\xff A"]'), "A", "-").raw, b'["-\xff -"]')

    def test_what_is_replaced_is_gone_from_any_json(self):
        chance = random.Random(7)
        for _ in range(500):
            # The members' names are none that a secret of these letters could be found in.
            secret = "".join(chance.choices('abc"\\\n/é検𝄞', k=chance.randint(3, 6)))
            around = "".join(chance.choices('xyz "\\{}é', k=4))
            text = json.dumps({"EVENT": around + secret + around, "N": [secret]}, ensure_ascii=chance.random() < 0.5)
            if chance.random() < 0.3:
                text = text.replace("/", r"\/").replace("a", r"\u0061")
            masked = replaced(Row(b"m", raw=text.encode()), secret, "###").raw.decode()
            if secret.strip('"') != secret and secret in text:
                # The quote is found in what holds the JSON together, which is JSON no more.
                self.assertNotIn(secret, masked)
                continue
            read = json.loads(masked)
            self.assertNotIn(secret, read["EVENT"])
            self.assertEqual(read["N"], ["###"])


if __name__ == "__main__":
    unittest.main()
