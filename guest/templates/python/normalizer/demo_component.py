"""Makes events of Airflow's logs: of JSON lines, and of text records, whose headers begin one that goes on without."""

import json
import re

from updraft_guest import Events, Lines, LogStream, Normalizer, Severity, export_normalizer, timestamp_ns

# [2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected
HEADER = re.compile(rb"\[([^\]\s]{19,40})\] \{([^}\n]*)\} (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ?")
SEVERITIES = {severity.name: int(severity) for severity in Severity}
SEVERITIES |= {name.encode(): severity for name, severity in SEVERITIES.items()}
# Longer events are cut: what a batch may hold has its limits.
MAX_LINES = 500
# What the path of the stream says already, and what an event has a place of its own for.
KNOWN = set("timestamp level event filename lineno ti_id dag_id run_id task_id map_index try_number".split())


class Airflow(Normalizer):
    """The component. It has no config."""

    def normalize(self, origin: LogStream, lines: Lines, events: Events) -> int:
        data = lines.bytes
        header = None  # of the text record that the lines go on with
        first = 0  # its first line
        for at, (start, end) in enumerate(lines):
            if data[start] == b"["[0] and (found := HEADER.match(data, start, end)):
                if at > first:
                    push(events, header, start)
                header, first = found, at
            elif data[start] == b"{"[0] and (record := read(data[start:end])):
                if at > first:
                    push(events, header, start)
                push_json(events, record, end)
                header, first = None, at + 1
            elif at - first == MAX_LINES:
                push(events, header, start)
                header, first = None, at
        # The last record may go on in lines that are not here yet. Unless nothing follows, it comes again with them.
        if not lines.last:
            return first
        if len(lines) > first:
            push(events, header, len(data))
        return len(lines)


export_normalizer(Airflow)


def push(events: Events, header: re.Match | None, end: int) -> None:
    """An event of all lines up to `end`; without a header it has nothing but its text."""
    if header is None:
        events.push(end)
        return
    # Spans of the batch, not copies: offsets count bytes.
    data = header.string
    stop = end - 1 if data[end - 1] == b"\n"[0] else end
    events.push(end, timestamp_ns(header[1]), SEVERITIES[header[3]], (min(header.end(), stop), stop))
    events.attribute_text("source", header.span(2))


def read(line: bytes) -> dict | None:
    """A record of Airflow 3: an object that says what happened."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record.get("event"), str) else None


def push_json(events: Events, record: dict, end: int) -> None:
    """An event of a JSON line."""
    severity = SEVERITIES.get(str(record.get("level")).upper(), Severity.NONE)
    events.push(end, timestamp_ns(str(record.get("timestamp"))), severity, record["event"])
    if "filename" in record:
        events.attribute_text("source", f"{record['filename']}:{record.get('lineno', '')}")
    for name, value in record.items():
        if name in KNOWN:
            continue
        if isinstance(value, str):
            events.attribute_text(name, value)
        else:
            events.attribute_json(name, json.dumps(value))
