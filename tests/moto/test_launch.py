"""Promises of the launcher: what every other test leans on, tried with AWS's own client for Python."""

import json
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

NOW = "2026-11-22T00:00:00Z"
NOW_MS = 1795305600000
DAY = 86_400_000
DEPLOYMENT = "arn:aws:iam::111122223333:role/astro-deployment-role"
WRITER = "arn:aws:iam::123456789012:role/writer"
SETTINGS = Config(
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    parameter_validation=False,
)


def start(*arguments):
    launcher = Path(__file__).with_name("launch.py")
    process = subprocess.Popen([sys.executable, launcher, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, json.loads(process.stdout.readline())


class LauncherTest(unittest.TestCase):
    def setUp(self):
        self.process, ready = start("--logs-now", NOW)
        self.endpoint = f"http://127.0.0.1:{ready['port']}"

    def tearDown(self):
        self.process.stdin.close()
        self.assertEqual(self.process.wait(timeout=30), 0)
        self.process.stdout.close()

    def call(self, path, body=None):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data, {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request) as response:
            return response.read()

    def client(self, service, keys=("test", "test", None), account=None):
        client = boto3.client(
            service, "us-east-1", endpoint_url=self.endpoint, config=SETTINGS,
            aws_access_key_id=keys[0], aws_secret_access_key=keys[1], aws_session_token=keys[2],
        )  # fmt: skip
        if account:
            client.meta.events.register(
                "before-sign.*.*", lambda request, **_: request.headers.add_header("x-moto-account-id", account)
            )
        return client

    def role(self, arn, trust, *actions):
        iam = self.client("iam", account=arn.split(":")[4])
        name = arn.split("/")[-1]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))

    def set_up_roles(self, *actions, trusted=DEPLOYMENT):
        federated = {"Federated": "arn:aws:iam::111122223333:oidc-provider/x"}
        self.role(
            DEPLOYMENT,
            {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": federated},
            "sts:AssumeRole",
        )
        self.role(WRITER, {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}, *actions)
        self.client("s3").create_bucket(Bucket="logs")
        self.client("logs").create_log_group(logGroupName="g")
        self.call("/moto-api/reset-auth", b"0")

    def assume_writer(self):
        answer = self.client("sts").assume_role_with_web_identity(
            RoleArn=DEPLOYMENT, RoleSessionName="worker", WebIdentityToken="t"
        )
        worker = [answer["Credentials"][k] for k in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        answer = self.client("sts", worker).assume_role(RoleArn=WRITER, RoleSessionName="updraft")
        return [answer["Credentials"][k] for k in ("AccessKeyId", "SecretAccessKey", "SessionToken")]

    def test_a_session_of_a_role_in_another_account_may_assume_a_role_that_trusts_it(self):
        self.set_up_roles("s3:PutObject", "s3:GetObject", "s3:ListBucket")
        s3 = self.client("s3", self.assume_writer())
        key = "dag_id=ä b/run_id=manual__2026-11-21T16:12:07.756+00:00/a&b;c,d~e#f?g%20h=1.log"
        s3.put_object(Bucket="logs", Key=key, Body=b"x", IfNoneMatch="*")
        self.assertEqual(s3.get_object(Bucket="logs", Key=key)["Body"].read(), b"x")
        s3.head_object(Bucket="logs", Key=key)
        s3.head_bucket(Bucket="logs")
        self.assertEqual([o["Key"] for o in s3.list_objects_v2(Bucket="logs", Prefix=key[:20])["Contents"]], [key])
        with self.assertRaisesRegex(ClientError, "PreconditionFailed"):
            s3.put_object(Bucket="logs", Key=key, Body=b"y", IfNoneMatch="*")
        with self.assertRaisesRegex(ClientError, "AccessDenied"):
            s3.delete_object(Bucket="logs", Key=key)

    def test_a_bucket_is_shown_to_those_only_who_may_list_it(self):
        self.set_up_roles("s3:PutObject", "s3:GetObject")
        with self.assertRaisesRegex(ClientError, "403"):
            self.client("s3", self.assume_writer()).head_bucket(Bucket="logs")

    def test_the_journal_says_what_sts_was_asked_for(self):
        self.set_up_roles("s3:PutObject")
        self.assume_writer()
        journal = [json.loads(line) for line in self.call("/updraft-test/requests").splitlines()]
        asked = [(e["operation"], e["role"], e["session"], e["token"]) for e in journal if e.get("role")]
        self.assertEqual(
            asked,
            [("AssumeRoleWithWebIdentity", DEPLOYMENT, "worker", "t"), ("AssumeRole", WRITER, "updraft", None)],
        )

    def test_https_is_served_with_an_authority_of_its_own_and_the_journal_names_the_client(self):
        with tempfile.TemporaryDirectory() as folder:
            process, ready = start("--tls", folder)
            self.endpoint = f"http://127.0.0.1:{ready['port']}"
            for certificate, name in ((None, None), ((f"{folder}/client.pem", f"{folder}/client.key"), "updraft")):
                s3 = boto3.client(
                    "s3", "us-east-1", endpoint_url=f"https://127.0.0.1:{ready['tls_port']}", verify=f"{folder}/ca.pem",
                    aws_access_key_id="test", aws_secret_access_key="test",
                    config=SETTINGS.merge(Config(client_cert=certificate)),
                )  # fmt: skip
                s3.list_buckets()
                last = json.loads(self.call("/updraft-test/requests").splitlines()[-1])
                self.assertEqual((last["secure"], last.get("certificate")), (True, name))
            process.stdin.close()
            self.assertEqual(process.wait(timeout=30), 0)
            process.stdout.close()

    def test_a_role_that_trusts_someone_else_cannot_be_assumed(self):
        self.set_up_roles("s3:PutObject", trusted="arn:aws:iam::111122223333:role/other")
        with self.assertRaisesRegex(ClientError, f"not authorized to perform: sts:AssumeRole.*{WRITER}|AccessDenied"):
            self.assume_writer()

    def test_logs_says_in_json_who_may_not_do_what(self):
        self.set_up_roles("logs:PutLogEvents")
        with self.assertRaises(ClientError) as refused:
            self.client("logs", self.assume_writer()).create_log_stream(logGroupName="g", logStreamName="s")
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDeniedException")
        self.assertRegex(str(refused.exception), "assumed-role/writer/updraft is not authorized.*logs:CreateLogStream")

    def put(self, *events):
        logs = self.client("logs")
        for create in (lambda: logs.create_log_group(logGroupName="g"),
                       lambda: logs.create_log_stream(logGroupName="g", logStreamName="s")):  # fmt: skip
            try:
                create()
            except logs.exceptions.ResourceAlreadyExistsException:
                pass
        events = [{"timestamp": time, "message": message} for time, message in events]
        return logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events).get("rejectedLogEventsInfo")

    def test_events_are_judged_by_the_pinned_clock_and_rejected_by_exact_index(self):
        oldest, newest = NOW_MS - 14 * DAY, NOW_MS + 7_200_000
        self.assertEqual(self.put((oldest - 2, "a"), (oldest - 1, "b"), (oldest, "c")), {"tooOldLogEventEndIndex": 2})
        self.assertEqual(self.put((newest, "d"), (newest + 1, "e"), (newest + 2, "f")), {"tooNewLogEventStartIndex": 1})
        landed = json.loads(self.call("/updraft-test/logs"))["123456789012"]["us-east-1"]["g"]["s"]
        self.assertEqual([event["message"] for event in landed], ["c", "d"])

    def test_a_group_refuses_what_it_would_not_keep(self):
        kept, oldest = NOW_MS - 7 * DAY, NOW_MS - 14 * DAY
        logs = self.client("logs")
        logs.create_log_group(logGroupName="g")
        logs.put_retention_policy(logGroupName="g", retentionInDays=7)
        self.assertEqual(self.put((kept - 1, "a"), (kept, "b")), {"expiredLogEventEndIndex": 1})
        rejected = {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}
        self.assertEqual(self.put((oldest - 1, "c"), (oldest, "d")), rejected)

    def test_a_put_at_a_limit_is_taken_and_one_past_it_refused(self):
        full = "x" * (1_048_576 - 26)
        self.assertIsNone(self.put((NOW_MS, full)))
        self.assertIsNone(self.put(*[(NOW_MS, "x")] * 10_000))
        self.assertIsNone(self.put((NOW_MS - DAY, "x"), (NOW_MS, "x")))
        for events in (
            [(NOW_MS, full + "x")],
            [(NOW_MS, "x")] * 10_001,
            [(NOW_MS - DAY - 1, "x"), (NOW_MS, "x")],
            [(NOW_MS, "x"), (NOW_MS - 1, "x")],
            [(NOW_MS, "")],
        ):
            with self.assertRaisesRegex(ClientError, "InvalidParameterException"):
                self.put(*events)

    def test_names_that_the_service_forbids_are_refused(self):
        logs = self.client("logs")
        with self.assertRaisesRegex(ClientError, "logGroupName"):
            logs.create_log_group(logGroupName="a b")
        logs.create_log_group(logGroupName="g")
        with self.assertRaisesRegex(ClientError, "logStreamName"):
            logs.create_log_stream(logGroupName="g", logStreamName="a:b")

    def test_calls_fail_as_often_as_asked_before_or_after_they_are_carried_out(self):
        self.client("s3").create_bucket(Bucket="logs")
        self.call("/updraft-test/fail", {"operation": "PutObject", "times": 1, "status": 503, "code": "SlowDown"})
        self.call(
            "/updraft-test/fail",
            {"operation": "PutObject", "times": 1, "status": 500, "code": "InternalError", "after": True},
        )
        for code, there in (("SlowDown", b"[]\n"), ("InternalError", b"x")):
            with self.assertRaisesRegex(ClientError, code):
                self.client("s3").put_object(Bucket="logs", Key="k", Body=b"x")
            self.assertTrue(self.call("/updraft-test/objects/logs").endswith(there))
        self.client("s3").put_object(Bucket="logs", Key="k", Body=b"x")
        journal = [json.loads(line) for line in self.call("/updraft-test/requests").splitlines()]
        puts = [(e["path"], e["status"], e["size"]) for e in journal if e["operation"] == "PutObject"]
        self.assertEqual(puts, [("/logs/k", 503, 1), ("/logs/k", 500, 1), ("/logs/k", 200, 1)])

    def begin_upload(self, key, **options):
        s3 = self.client("s3")
        return {"Bucket": "logs", "Key": key, "UploadId": s3.create_multipart_upload(**options)["UploadId"]}

    def test_a_part_is_copied_of_the_version_that_is_meant_by_whoever_may_read_it(self):
        self.set_up_roles("s3:PutObject")
        self.call("/moto-api/reset-auth", b"inf")
        s3, half = self.client("s3"), 3 * 1024 * 1024
        key = "dag_id=ä b/run_id=manual__2026-11-21T16:12:07+00:00/a?b%20#=1.log"
        etag = s3.put_object(Bucket="logs", Key=key, Body=b"x" * half + b"y" * half)["ETag"]
        upload = self.begin_upload("copy", Bucket="logs", Key="copy", ChecksumAlgorithm="CRC32")
        source = {"Bucket": "logs", "Key": key}
        copied = s3.upload_part_copy(
            CopySource=source, CopySourceIfMatch=etag, CopySourceRange=f"bytes=0-{2 * half - 1}", PartNumber=1, **upload
        )["CopyPartResult"]
        sent = s3.upload_part(PartNumber=2, Body=b"z", ChecksumAlgorithm="CRC32", **upload)
        parts = [
            {"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}
            for number, part in ((1, copied), (2, sent))
        ]
        bare = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
        with self.assertRaisesRegex(ClientError, "must include the checksum for each part"):
            s3.complete_multipart_upload(MultipartUpload={"Parts": bare}, **upload)
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
        body = s3.get_object(Bucket="logs", Key="copy")["Body"].read()
        self.assertEqual(body, b"x" * half + b"y" * half + b"z")

        for refusal, status, asked in (
            ("PreconditionFailed", 412, {"CopySource": source, "CopySourceIfMatch": "other"}),
            ("NoSuchKey", 404, {"CopySource": {"Bucket": "logs", "Key": "none"}}),
            ("NoSuchUpload", 404, {"CopySource": source, "UploadId": upload["UploadId"]}),
            ("InvalidArgument", 400, {"CopySource": source, "CopySourceRange": f"bytes=0-{2 * half}"}),
            # S3 decodes what is not encoded.
            ("NoSuchKey", 404, {"CopySource": f"logs/{key}".replace("ä", "%C3%A4").split("?")[0]}),
        ):
            again = self.begin_upload("copy", Bucket="logs", Key="copy") | {"PartNumber": 1} | asked
            with self.assertRaisesRegex(ClientError, refusal) as refused:
                s3.upload_part_copy(**again)
            self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)
        with self.assertRaisesRegex(ClientError, "NoSuchUpload"):
            s3.upload_part(PartNumber=2, Body=b"z", **upload)

        again = self.begin_upload("copy", Bucket="logs", Key="copy")
        self.call("/moto-api/reset-auth", b"0")
        with self.assertRaisesRegex(ClientError, "AccessDenied"):
            self.client("s3", self.assume_writer()).upload_part_copy(CopySource=source, PartNumber=1, **again)

    def test_a_held_call_is_carried_out_when_it_is_released(self):
        self.client("s3").create_bucket(Bucket="logs")
        self.call("/updraft-test/hold", {"operation": "PutObject"})
        put = threading.Thread(target=lambda: self.client("s3").put_object(Bucket="logs", Key="k", Body=b"x"))
        put.start()
        while b"PutObject" not in self.call("/updraft-test/requests"):
            pass
        self.assertEqual(self.call("/updraft-test/objects/logs"), b"[]\n")
        self.call("/updraft-test/release", b"")
        put.join()
        self.assertTrue(self.call("/updraft-test/objects/logs").endswith(b"x"))


if __name__ == "__main__":
    unittest.main()
