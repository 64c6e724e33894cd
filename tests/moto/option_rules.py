"""What moto makes of options that not every user asks for: each function puts one of them right, as in `aws_rules`."""

from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import IAMRequest, S3IAMRequest
from moto.logs.exceptions import InvalidParameterException
from moto.logs.responses import LogsResponse
from moto.moto_server import werkzeug_app
from moto.s3.exceptions import LockNotEnabled
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = {
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
}
GROUP_CLASSES = {"STANDARD", "INFREQUENT_ACCESS", "DELIVERY"}
LOCK_MODE, LOCK_UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"


def apply() -> None:
    leave_the_body_as_it_was_signed()
    keep_what_groups_are_like()
    know_the_days_of_retention()
    ask_for_the_right_to_each_option()
    lock_what_was_uploaded_in_parts()
    remember_the_name_of_an_acl()


def ask_also(response, request_class, service: str, action: str, resource: str) -> None:
    """Refuses who may not do this too, once IAM is enforced. The signature was checked before."""
    if ActionAuthenticatorMixin.request_count < settings.INITIAL_NO_AUTH_ACTION_COUNT:
        return
    asked = request_class(
        account_id=response.current_account,
        method=response.method,
        path="",
        data=response.data,
        body=b"",
        headers=response.headers,
        action=action,
    )
    asked._action = f"{service}:{action}"
    asked.check_action_permitted(resource)


def leave_the_body_as_it_was_signed() -> None:
    """Logs takes bodies with `Content-Encoding: gzip`, signed as they are sent; moto's server unpacks them before it
    looks at the signature, and once more behind it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (the hashed payload)
    """
    werkzeug_app.decompress_request_body = lambda: None


def keep_what_groups_are_like() -> None:
    """moto forgets the class of a group, and asks for no right to tag it.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
    """
    create = LogsResponse.create_log_group

    def kept(self):
        name, wanted = self._get_param("logGroupName"), self._get_param("logGroupClass") or "STANDARD"
        if self._get_param("tags"):
            ask_also(self, IAMRequest, "logs", "TagResource", "*")
        if wanted not in GROUP_CLASSES:
            raise InvalidParameterException(constraint="a known class", parameter="logGroupClass", value=wanted)
        answer = create(self)
        self.logs_backend.groups[name].log_group_class = wanted
        return answer

    LogsResponse.create_log_group = kept


def know_the_days_of_retention() -> None:
    """moto keeps events for any number of days.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
    """
    put = LogsResponse.put_retention_policy

    def judged(self):
        days = self._get_param("retentionInDays")
        if days not in RETENTION_DAYS:
            raise InvalidParameterException(constraint="known days", parameter="retentionInDays", value=days)
        return put(self)

    LogsResponse.put_retention_policy = judged


def rights_for(headers) -> list[tuple[str, str]]:
    """What a write needs besides `s3:PutObject`, by its headers.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (Permissions) and
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    rights = [
        ("s3", "PutObjectAcl", "x-amz-acl"),
        ("s3", "PutObjectTagging", "x-amz-tagging"),
        ("s3", "PutObjectRetention", LOCK_MODE),
        ("kms", "GenerateDataKey", "x-amz-server-side-encryption-aws-kms-key-id"),
    ]
    return [(service, action) for service, action, header in rights if header in headers]


def ask_for_the_right_to_each_option() -> None:
    """moto asks for `s3:PutObject` only, whatever goes with it."""
    put, begin = S3Response.put_object, S3Response._key_response_post

    def ask(self, key_name: str) -> None:
        for service, action in rights_for(self.headers):
            of_object = f"arn:aws:s3:::{self.bucket_name}/{key_name}"
            ask_also(self, S3IAMRequest, service, action, of_object if service == "s3" else "*")

    def put_asked(self):
        ask(self, self.parse_key_name())
        return put(self)

    def begin_asked(self, request, body, bucket_name, query, key_name):
        if "uploads" in query:
            ask(self, key_name)
        return begin(self, request, body, bucket_name, query, key_name)

    S3Response.put_object, S3Response._key_response_post = put_asked, begin_asked


def lock_what_was_uploaded_in_parts() -> None:
    """moto forgets the lock that CreateMultipartUpload asks for.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
    """
    respond, complete = S3Response._key_response_post, S3Backend.complete_multipart_upload

    def begun(self, request, body, bucket_name, query, key_name):
        if "uploads" not in query or LOCK_MODE not in request.headers:
            return respond(self, request, body, bucket_name, query, key_name)
        bucket = self.backend.get_bucket(bucket_name)
        if not bucket.object_lock_enabled:
            raise LockNotEnabled
        before = set(bucket.multiparts)
        answer = respond(self, request, body, bucket_name, query, key_name)
        for upload in set(bucket.multiparts) - before:
            upload = bucket.multiparts[upload]
            if upload.key_name == key_name:
                upload.lock = (request.headers[LOCK_MODE], request.headers[LOCK_UNTIL])
        return answer

    def completed(self, bucket_name, multipart_id, body):
        lock = getattr(self.get_bucket(bucket_name).multiparts.get(multipart_id), "lock", None)
        key = complete(self, bucket_name, multipart_id, body)
        if key and lock:
            key.lock_mode, key.lock_until = lock
        return key

    S3Response._key_response_post, S3Backend.complete_multipart_upload = begun, completed


def remember_the_name_of_an_acl() -> None:
    """To moto some canned ACLs are the same; S3 tells them apart by what they grant to the bucket's owner and others.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    """
    read = S3Response._acl_from_headers

    def named(self, headers):
        acl = read(self, headers)
        if acl is not None:
            acl.canned = headers.get("x-amz-acl")
        return acl

    S3Response._acl_from_headers = named
