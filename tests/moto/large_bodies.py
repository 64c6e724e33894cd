"""moto copies a body many times over, and through files: too slow for objects of hundreds of MiB that are made anew for
each refresh. Here each body is kept once, as it came, and is read for its checksum once."""

import hashlib
import io
from base64 import b64decode

from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML
from moto.s3.models import FakeKey, FakeMultipart
from moto.s3.utils import compute_checksum
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

ALGORITHM = "x-amz-checksum-algorithm"


def apply() -> None:
    FakeKey.value = property(read, keep)
    FakeMultipart.complete = complete_by_parts(FakeMultipart.complete)


def read(key: FakeKey) -> bytes:
    with key.lock:
        key._value_buffer.seek(0)
        # Of a whole BytesIO this is no copy.
        return key._value_buffer.read()


def keep(key: FakeKey, body: bytes) -> None:
    key._value_buffer = io.BytesIO(body)
    key.contentsize = len(body)


def checksum_of(part: FakeKey, algorithm: str) -> str:
    """Of one part, in base 64."""
    if getattr(part, "own_checksum", None) is None:
        part.own_checksum = compute_checksum(part.value, algorithm).decode()
    return part.own_checksum


def complete_by_parts(complete):
    """As moto's own, but that it asks each part for its checksum instead of reading it again."""

    def by_parts(self: FakeMultipart, body) -> tuple[bytes, str, tuple[str, str, int] | None]:
        algorithm = self.metadata.get(ALGORITHM)
        if not algorithm or algorithm == "CRC64NVME" or self.metadata.get("x-amz-checksum-type") == "FULL_OBJECT":
            return complete(self, body)
        parts = []
        for number, etag in body:
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag.strip('"'):
                raise InvalidPart()
            if parts and parts[-1].contentsize < S3_UPLOAD_PART_MIN_SIZE:
                raise EntityTooSmall()
            parts.append(part)
        if not parts:
            raise MalformedXML()
        hashes = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        etag = f"{hashlib.md5(hashes, usedforsecurity=False).hexdigest()}-{len(parts)}"
        checksums = b"".join(b64decode(checksum_of(part, algorithm)) for part in parts)
        checksum = ("COMPOSITE", compute_checksum(checksums, algorithm).decode(), len(parts))
        return b"".join(part.value for part in parts), etag, checksum

    return by_parts
