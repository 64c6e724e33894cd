"""Stands before moto: keeps a journal of requests, fails or holds them on demand, shows what landed.

GET  /updraft-test/requests          every request so far, one JSON object a line
GET  /updraft-test/logs              {account: {region: {group: {stream: [{timestamp, message}, …]}}}}
GET  /updraft-test/objects/BUCKET    a JSON line [{key, size, metadata}, …], then the bodies, one after another
POST /updraft-test/fail              {operation, times, status, code, after}: answers the next calls with an error,
                                     `after` true: when they have been carried out
POST /updraft-test/hold              {operation}: its next calls wait, before they are carried out, until
POST /updraft-test/release           all that waits goes on
"""

import io
import itertools
import json
import re
import threading
from urllib.parse import parse_qs, unquote

from moto.logs.models import logs_backends
from moto.s3.models import s3_backends

from aws_rules import BYTES_PER_EVENT

PREFIX = "/updraft-test/"
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")


class Observer:
    def __init__(self, moto):
        self.moto = moto
        self.lock = threading.Lock()
        self.clock = itertools.count()  # one tick per beginning and end: what overlapped, without a wall clock
        self.journal: list[dict] = []
        self.failures: list[dict] = []
        self.held: set[str] = set()
        self.released = threading.Event()

    def __call__(self, environ, start_response):
        body = take_body(environ)
        if environ["PATH_INFO"].startswith(PREFIX):
            answer = self.answer(environ["PATH_INFO"].removeprefix(PREFIX), body)
            start_response("200 OK", [("Content-Length", str(len(answer)))])
            return [answer]
        if environ["PATH_INFO"].startswith("/moto-api/"):
            return self.moto(environ, start_response)
        entry = describe(environ, body)
        with self.lock:
            entry["began"] = next(self.clock)
            self.journal.append(entry)
            failure = self.next_failure(entry["operation"])
            released = self.released if entry["operation"] in self.held else None
        if released:
            released.wait()

        def noting_status(status, headers, exc_info=None):
            entry["status"] = int(status.split()[0])
            return start_response(status, headers, exc_info)

        if failure and not failure.get("after"):
            response = refuse(entry, failure, noting_status)
        elif failure:
            list(self.moto(environ, lambda *_: None))
            response = refuse(entry, failure, noting_status)
        else:
            response = self.moto(environ, noting_status)
        with self.lock:
            entry["ended"] = next(self.clock)
        return response

    def next_failure(self, operation: str) -> dict | None:
        for failure in self.failures:
            if failure["operation"] == operation and failure["times"] > 0:
                failure["times"] -= 1
                return failure
        return None

    def answer(self, path: str, body: bytes) -> bytes:
        what, _, name = path.partition("/")
        with self.lock:
            match what:
                case "requests":
                    return "".join(json.dumps(entry) + "\n" for entry in self.journal).encode()
                case "logs":
                    return json.dumps(log_events()).encode()
                case "objects":
                    return objects(name)
                case "fail":
                    self.failures.append(json.loads(body))
                case "hold":
                    self.held.add(json.loads(body)["operation"])
                case "release":
                    self.held.clear()
                    self.released.set()
                    self.released = threading.Event()
                case _:
                    raise ValueError(f"no such endpoint: {path}")
        return b"{}"


def take_body(environ) -> bytes:
    """Reads the body and leaves it to be read again."""
    if environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input_terminated"] = False
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def describe(environ, body: bytes) -> dict:
    """One entry of the journal: the operation by its name in the API, and what it spoke of."""
    signed = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = signed.groups() if signed else (None, None, None)
    path, _, query = environ["RAW_URI"].partition("?")
    entry = {"service": service, "region": region, "access_key": key, "method": environ["REQUEST_METHOD"]}
    entry |= {"path": unquote(path), "operation": "", "size": len(body)}
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        entry["operation"] = target.split(".")[-1]
        asked = json.loads(body or b"{}")
        entry |= {"group": asked.get("logGroupName"), "stream": asked.get("logStreamName")}
        if (events := asked.get("logEvents")) is not None:
            entry["events"] = len(events)
            entry["event_bytes"] = sum(len(event["message"].encode()) + BYTES_PER_EVENT for event in events)
    elif service == "s3":
        entry["operation"] = s3_operation(entry["method"], entry["path"], parse_qs(query, keep_blank_values=True))
    else:
        entry["operation"] = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return entry


def s3_operation(method: str, path: str, query: dict) -> str:
    if "x-id" in query:
        return query["x-id"][0]
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if "uploadId" in query:
        return {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}.get(
            method, "UploadPart"
        )
    if method == "GET" and "list-type" in query:
        return "ListObjectsV2"
    return method.capitalize() + ("Object" if path.strip("/").count("/") else "Bucket")


def refuse(entry: dict, failure: dict, start_response) -> list[bytes]:
    code = failure["code"]
    if entry["service"] == "logs":
        kind, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": "made to fail by a test"})
    elif entry["service"] == "s3":
        kind, body = "application/xml", f"<Error><Code>{code}</Code><Message>made to fail by a test</Message></Error>"
    else:
        kind = "text/xml"
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>made to fail by a test</Message></Error></ErrorResponse>"
    start_response(f"{failure['status']} made to fail", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body.encode()]


def log_events() -> dict:
    # Copies, since requests go on while we look.
    return {
        account: {
            region: {name: stream_events(group) for name, group in list(backend.groups.items())}
            for region, backend in list(regions.items())
            if backend.groups
        }
        for account, regions in list(logs_backends.items())
    }


def stream_events(group) -> dict:
    return {
        name: [{"timestamp": event.timestamp, "message": event.message} for event in list(stream.events)]
        for name, stream in list(group.streams.items())
    }


def objects(bucket: str) -> bytes:
    found = [
        (key, key.value)
        for regions in list(s3_backends.values())
        for backend in list(regions.values())
        if bucket in backend.buckets
        for key in list(backend.buckets[bucket].keys.values())
    ]
    head = [{"key": key.name, "size": len(body), "metadata": dict(key.metadata)} for key, body in found]
    return json.dumps(head).encode() + b"\n" + b"".join(body for _, body in found)
