"""Promises of `option_rules`, and of what the observer shows of options, tried with AWS's own client for Python."""

import gzip
import json
import unittest

from botocore.exceptions import ClientError
from test_launch import NOW_MS, LauncherTest

LOCK = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2027-01-01T00:00:00Z"}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


class OptionsTest(unittest.TestCase):
    setUp, tearDown, call, client = (LauncherTest.__dict__[n] for n in ("setUp", "tearDown", "call", "client"))
    role, set_up_roles, assume_writer = (LauncherTest.__dict__[n] for n in ("role", "set_up_roles", "assume_writer"))

    def kinds(self):
        return json.loads(self.call("/updraft-test/kinds/logs"))

    def groups(self):
        return json.loads(self.call("/updraft-test/groups"))["123456789012"]["us-east-1"]

    def test_a_group_is_what_it_was_made_like(self):
        logs = self.client("logs")
        logs.create_log_group(
            logGroupName="g", kmsKeyId=KEY, tags={"team": "data"}, logGroupClass="INFREQUENT_ACCESS"
        )
        logs.put_retention_policy(logGroupName="g", retentionInDays=30)
        logs.create_log_group(logGroupName="plain")
        made = {"retention": 30, "kms_key": KEY, "tags": {"team": "data"}, "class": "INFREQUENT_ACCESS"}
        plain = {"retention": None, "kms_key": None, "tags": {}, "class": "STANDARD"}
        self.assertEqual(self.groups(), {"g": made, "plain": plain})
        with self.assertRaisesRegex(ClientError, "InvalidParameterException"):
            logs.put_retention_policy(logGroupName="g", retentionInDays=31)

    def test_tags_of_a_group_need_a_right_of_their_own(self):
        self.set_up_roles("logs:CreateLogGroup")
        logs = self.client("logs", self.assume_writer())
        logs.create_log_group(logGroupName="plain")
        with self.assertRaisesRegex(ClientError, "AccessDeniedException.*logs:TagResource"):
            logs.create_log_group(logGroupName="tagged", tags={"team": "data"})
        self.assertNotIn("tagged", self.groups())

    def test_a_compressed_put_is_signed_as_it_is_sent_and_read_back_whole(self):
        self.set_up_roles("logs:CreateLogStream", "logs:PutLogEvents")
        logs = self.client("logs", self.assume_writer())

        def compress(request, **_):
            request.data = gzip.compress(request.body)
            request.headers["Content-Encoding"] = "gzip"

        logs.meta.events.register("before-sign.*.PutLogEvents", compress)
        logs.create_log_stream(logGroupName="g", logStreamName="s")
        events = [{"timestamp": NOW_MS, "message": "x" * 1000}]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
        landed = json.loads(self.call("/updraft-test/logs"))["123456789012"]["us-east-1"]["g"]["s"]
        self.assertEqual(landed, events)
        put = json.loads(self.call("/updraft-test/requests").splitlines()[-1])
        self.assertEqual((put["encoding"], put["events"], put["event_bytes"]), ("gzip", 1, 1026))
        self.assertLess(put["size"], 200)

    def parts(self, s3, key, **options):
        upload = s3.create_multipart_upload(Bucket="logs", Key=key, **options)["UploadId"]
        named = {"Bucket": "logs", "Key": key, "UploadId": upload}
        part = s3.upload_part(**named, PartNumber=1, Body=b"x")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})

    def test_an_object_is_what_it_was_put_like_in_one_part_or_more(self):
        s3 = self.client("s3")
        s3.create_bucket(Bucket="logs", ObjectLockEnabledForBucket=True)
        options = {"ACL": "bucket-owner-read", "StorageClass": "STANDARD_IA", "ServerSideEncryption": "aws:kms",
                   "SSEKMSKeyId": KEY, "Tagging": "a=b%20c", "ContentType": "text/x", **LOCK}  # fmt: skip
        s3.put_object(Bucket="logs", Key="whole", Body=b"x", ChecksumAlgorithm="SHA256", **options)
        self.parts(s3, "parts", **options)
        for kind in (self.kinds()["whole"], self.kinds()["parts"]):
            self.assertEqual((kind["acl"], kind["storage_class"]), ("bucket-owner-read", "STANDARD_IA"))
            self.assertEqual(kind["encryption"], "aws:kms")
            self.assertEqual((kind["kms_key_id"], kind["tags"], kind["versions"]), (KEY, {"a": "b c"}, 1))
            self.assertEqual((kind["lock_mode"], kind["lock_until"]), ("GOVERNANCE", LOCK["ObjectLockRetainUntilDate"]))
            self.assertEqual(kind["metadata"]["content-type"], "text/x")

    def test_a_lock_needs_a_bucket_that_has_locks(self):
        s3 = self.client("s3")
        s3.create_bucket(Bucket="logs")
        with self.assertRaisesRegex(ClientError, "InvalidRequest"):
            s3.put_object(Bucket="logs", Key="k", Body=b"x", ChecksumAlgorithm="SHA256", **LOCK)
        with self.assertRaisesRegex(ClientError, "InvalidRequest"):
            s3.create_multipart_upload(Bucket="logs", Key="k", **LOCK)

    def test_each_option_of_an_object_needs_a_right_of_its_own(self):
        self.set_up_roles("s3:PutObject")
        s3 = self.client("s3", self.assume_writer())
        s3.put_object(Bucket="logs", Key="plain", Body=b"x", StorageClass="STANDARD_IA", ServerSideEncryption="AES256")
        for options in (
            {"ACL": "private"}, {"Tagging": "a=b"}, {"SSEKMSKeyId": KEY, "ServerSideEncryption": "aws:kms"},
        ):  # fmt: skip
            with self.assertRaisesRegex(ClientError, "AccessDenied"):
                s3.put_object(Bucket="logs", Key="k", Body=b"x", **options)
            with self.assertRaisesRegex(ClientError, "AccessDenied"):
                s3.create_multipart_upload(Bucket="logs", Key="k", **options)
        self.assertEqual(list(self.kinds()), ["plain"])


del LauncherTest

if __name__ == "__main__":
    unittest.main()
