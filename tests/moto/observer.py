"""Stands before moto: keeps a journal of requests, fails or holds them on demand, shows what landed.

GET  /updraft-test/requests          every request so far, one JSON object a line
GET  /updraft-test/logs              {account: {region: {group: {stream: [{timestamp, message}, …]}}}}
GET  /updraft-test/groups            {account: {region: {group: {retention, kms_key, tags, class}}}}
GET  /updraft-test/objects/BUCKET    a JSON line [{key, size, metadata}, …], then the bodies, one after another
GET  /updraft-test/heads/BUCKET      the same line alone
GET  /updraft-test/kinds/BUCKET      {key: {storage_class, encryption, …}}: what objects are like
POST /updraft-test/fail              {operation, times, status, code, after}: answers the next calls with an error,
                                     `after` true: when they have been carried out
POST /updraft-test/expire            the credentials of every role that anybody assumed so far are expired from now on
POST /updraft-test/poison            {text}: a put with an event that holds this text is malformed
POST /updraft-test/hold              {operation, after}: its calls, but so many that come first, wait before they are
                                     carried out, until
POST /updraft-test/release           all that waits goes on
"""

import gzip
import io
import itertools
import json
import re
import threading
from urllib.parse import parse_qs, unquote

from moto.logs.models import logs_backends
from moto.s3.models import s3_backends

import certificates
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
        self.expired: set[str] = set()  # access keys
        self.poisons: list[str] = []
        self.held: dict[str, int] = {}  # operation: how many calls of it pass before the first is held
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
            failure = self.next_failure(entry["operation"]) or self.refusal(entry, body)
            released = self.released if self.is_held(entry["operation"]) else None
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

    def is_held(self, operation: str) -> bool:
        passing = self.held.get(operation)
        if not passing:
            return passing == 0
        self.held[operation] = passing - 1
        return False

    def refusal(self, entry: dict, body: bytes) -> dict | None:
        if entry["access_key"] in self.expired:
            code = "ExpiredToken" if entry["service"] == "s3" else "ExpiredTokenException"
            return {"status": 400, "code": code}
        if entry["operation"] == "PutLogEvents" and any(poison.encode() in body for poison in self.poisons):
            return {"status": 400, "code": "InvalidParameterException"}
        return None

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
                    return json.dumps(of_groups(stream_events)).encode()
                case "groups":
                    return json.dumps(of_groups(group_options)).encode()
                case "objects":
                    return objects(name)
                case "heads":
                    return heads(name)
                case "kinds":
                    return json.dumps(kinds(name)).encode()
                case "fail":
                    self.failures.append(json.loads(body))
                case "forgive":
                    self.failures.clear()
                case "expire":
                    # Those that STS gives begin like this; long-lived ones with AKIA.
                    self.expired |= {key for entry in self.journal if (key := entry["access_key"] or "")[:4] == "ASIA"}
                case "poison":
                    self.poisons.append(json.loads(body)["text"])
                case "hold":
                    asked = json.loads(body)
                    self.held[asked["operation"]] = asked.get("after", 0)
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
    entry["encoding"] = environ.get("HTTP_CONTENT_ENCODING")
    entry["secure"] = environ["wsgi.url_scheme"] == "https"
    if certificate := environ.get("SSL_CLIENT_CERT"):
        entry["certificate"] = certificates.common_name(certificate)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        entry["operation"] = target.split(".")[-1]
        asked = json.loads((gzip.decompress(body) if entry["encoding"] == "gzip" else body) or b"{}")
        entry |= {"group": asked.get("logGroupName"), "stream": asked.get("logStreamName")}
        if (events := asked.get("logEvents")) is not None:
            entry["events"] = len(events)
            entry["event_bytes"] = sum(len(event["message"].encode()) + BYTES_PER_EVENT for event in events)
    elif service == "s3":
        asked = parse_qs(query, keep_blank_values=True)
        entry["operation"] = s3_operation(entry["method"], entry["path"], asked)
        if "partNumber" in asked:
            entry["part"] = int(asked["partNumber"][0])
    else:
        asked = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        entry["operation"] = asked.get("Action", "")
        entry |= {"role": asked.get("RoleArn"), "session": asked.get("RoleSessionName")}
        entry |= {"external_id": asked.get("ExternalId"), "token": asked.get("WebIdentityToken")}
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


def of_groups(view) -> dict:
    # Copies, since requests go on while we look.
    return {
        account: {
            region: {name: view(group) for name, group in list(backend.groups.items())}
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


def group_options(group) -> dict:
    tags = logs_backends[group.account_id][group.region].list_tags_for_resource(group.arn)
    return {
        "retention": group.retention_in_days,
        "kms_key": group.kms_key_id,
        "tags": dict(tags),
        "class": getattr(group, "log_group_class", None),
    }


def backends_of(bucket: str) -> list:
    backends = [backend for regions in list(s3_backends.values()) for backend in list(regions.values())]
    return [backend for backend in backends if bucket in backend.buckets]


def keys(bucket: str) -> list:
    return [key for backend in backends_of(bucket) for key in list(backend.buckets[bucket].keys.values())]


def heads(bucket: str) -> bytes:
    return described((key, key.contentsize) for key in keys(bucket))


def objects(bucket: str) -> bytes:
    found = [(key, key.value) for key in keys(bucket)]
    return described((key, len(body)) for key, body in found) + b"\n" + b"".join(body for _, body in found)


def described(found) -> bytes:
    listed = [{"key": key.name, "size": size, "metadata": dict(key.metadata)} for key, size in found]
    return json.dumps(listed).encode()


def kinds(bucket: str) -> dict:
    return {
        key.name: kind(key, len(backend.buckets[bucket].keys.getlist(key.name)), backend)
        for backend in backends_of(bucket)
        for key in list(backend.buckets[bucket].keys.values())
    }


def kind(key, versions: int, backend) -> dict:
    """What an object is like, as S3 keeps it."""
    return {
        "storage_class": key.storage_class,
        "encryption": key.encryption,
        "kms_key_id": key.kms_key_id,
        "acl": getattr(key.acl, "canned", None),
        "tags": {tag["Key"]: tag["Value"] for tag in backend.get_object_tagging(key)["Tags"]},
        "checksum_algorithm": key.checksum_algorithm,
        "checksum": key.checksum_value,
        "lock_mode": key.lock_mode,
        "lock_until": key.lock_until,
        "versions": versions,
        "metadata": {name.lower(): value for name, value in key.metadata.items()},
    }
