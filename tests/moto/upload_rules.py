"""Where moto 5.2.1 differs from S3 about multipart uploads and writes at the same time: see `aws_rules`."""

import hashlib
import re
import threading
from urllib.parse import unquote_plus
from xml.dom import minidom

from moto.core.responses import ActionResult
from moto.s3.exceptions import InvalidPart, MissingKey, NoSuchUpload, PreconditionFailed, S3ClientError
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from large_bodies import ALGORITHM, checksum_of

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
MIN_SOURCE_OF_A_RANGE = 5 * 1024 * 1024


def apply() -> None:
    copy_parts()
    ask_for_the_checksum_of_each_part()
    write_one_after_another()


def copy_parts() -> None:
    """moto lets everyone copy anything: it asks neither for `s3:GetObject` nor for the version that was meant, takes
    `+` in the source for a plus, copies ranges of objects that are too small for that, and tells no checksum.
    It knows no upload that is no more.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
    """
    copy, upload, complete = S3Backend.upload_part_copy, S3Backend.upload_part, S3Backend.complete_multipart_upload

    def answer(self):
        source, _, version = self.headers["x-amz-copy-source"].partition("?versionId=")
        bucket, key = unquote_plus(source).lstrip("/").split("/", 1)
        self._set_action("KEY", "GET", {})
        self._authenticate_and_authorize_s3_action(bucket_name=bucket, key_name=key)
        found = self.backend.get_object(bucket, key, version_id=version or None)
        if found is None:
            raise MissingKey(key=key)
        meant = self.headers.get("x-amz-copy-source-if-match", found.etag)
        if meant.strip('"') != found.etag.strip('"'):
            raise PreconditionFailed("x-amz-copy-source-If-Match")
        first, last = None, None
        if asked := self.headers.get("x-amz-copy-source-range"):
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", asked).groups())
            if found.contentsize <= MIN_SOURCE_OF_A_RANGE or not first <= last < found.contentsize:
                message = f"Range specified is not valid for source object of size: {found.contentsize}"
                raise refused("InvalidArgument", message)
        number, upload_id = self._get_int_param("partNumber"), self._get_param("uploadId")
        part = self.backend.upload_part_copy(self.bucket_name, upload_id, number, bucket, key, None, first, last)
        # A name for it is enough: to hash what is copied again and again takes longer than all else.
        part._etag = hashlib.md5(f"{found.etag} {asked}".encode(), usedforsecurity=False).hexdigest()
        result = {"LastModified": part.last_modified_ISO8601, "ETag": part.etag}
        algorithm = self.backend.get_bucket(self.bucket_name).multiparts[upload_id].metadata.get(ALGORITHM)
        if algorithm:
            result[f"Checksum{algorithm}"] = checksum_of(part, algorithm)
        self.data["Action"] = "UploadPartCopy"
        return self.serialized(ActionResult({"CopyPartResult": result}))

    def if_it_is_there(otherwise):
        def carried_out(self, bucket_name, multipart_id, *args, **kwargs):
            if multipart_id not in self.get_bucket(bucket_name).multiparts:
                raise NoSuchUpload(upload_id=multipart_id)
            return otherwise(self, bucket_name, multipart_id, *args, **kwargs)

        return carried_out

    S3Response.upload_part_copy = answer
    S3Backend.upload_part_copy, S3Backend.upload_part = if_it_is_there(copy), if_it_is_there(upload)
    S3Backend.complete_multipart_upload = if_it_is_there(complete)


def ask_for_the_checksum_of_each_part() -> None:
    """An upload that was begun with a checksum algorithm is completed with the checksum of each part, or refused.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    parts_of = S3Response._complete_multipart_body

    def checked(self, body):
        upload = self.backend.get_bucket(self.bucket_name).multiparts[self.querystring["uploadId"][0]]
        algorithm = upload.metadata.get(ALGORITHM)
        # CRC64NVME is of the whole object.
        if algorithm and algorithm != "CRC64NVME":
            for said in minidom.parseString(body).getElementsByTagName("Part"):
                number = int(said.getElementsByTagName("PartNumber")[0].firstChild.wholeText)
                checksums = said.getElementsByTagName(f"Checksum{algorithm}")
                if not checksums:
                    raise refused(
                        "InvalidRequest",
                        f"The upload was created using a {algorithm.lower()} checksum. The complete request must "
                        f"include the checksum for each part. It was missing for part {number} in the request.",
                    )
                part = upload.parts.get(number)
                if part and checksums[0].firstChild.wholeText != checksum_of(part, algorithm):
                    raise InvalidPart()
        yield from parts_of(self, body)

    S3Response._complete_multipart_body = checked


def refused(code: str, message: str) -> S3ClientError:
    return S3ClientError(code, message)


def write_one_after_another() -> None:
    """Of two writers with `If-None-Match` one wins; in moto each may look before the other writes.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    lock = threading.RLock()

    def alone(write):
        def writing(*args, **kwargs):
            with lock:
                return write(*args, **kwargs)

        return writing

    S3Response._key_response_put = alone(S3Response._key_response_put)
    S3Response._key_response_post = alone(S3Response._key_response_post)
