"""Where moto 5.2.1 differs from AWS in ways that Updraft meets: each function puts one of them right."""

import json
import re
from datetime import UTC, datetime, timedelta

import flask
from moto.core.exceptions import JsonRESTError
from moto.core.serialize import S3Serializer
from moto.iam import access_control as iam
from moto.iam.models import iam_backends
from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.models import LogGroup, LogsBackend
from moto.s3.responses import ACTION_MAP
from moto.sts.responses import TokenResponse
from werkzeug.exceptions import HTTPException

import option_rules
import refusal_rules
import upload_rules

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MAX_PUT_BYTES = 1_048_576
BYTES_PER_EVENT = 26
MAX_PUT_EVENTS = 10_000
MAX_SPAN = timedelta(hours=24)
TOO_OLD = timedelta(days=14)
TOO_NEW = timedelta(hours=2)
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html and …CreateLogStream.html
GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
STREAM_NAME = re.compile(r"[^:*]{1,512}")


def apply(logs_now: datetime | None) -> None:
    sign_the_path_that_was_sent()
    say_who_may_not_do_what()
    ask_the_role_whom_it_trusts()
    let_web_identities_in()
    let_those_who_list_a_bucket_look_at_it()
    judge_log_events(logs_now)
    judge_log_names()
    name_what_was_completed()
    upload_rules.apply()
    option_rules.apply()
    refusal_rules.apply()


def sign_the_path_that_was_sent() -> None:
    """moto checks S3 signatures against the decoded path, so keys with `=`, `:`, `+`, space or umlauts never match."""
    aws_request = iam.S3IAMRequest._create_aws_request

    def from_raw_path(self):
        self._path = flask.request.environ["RAW_URI"]
        return aws_request(self)

    iam.S3IAMRequest._create_aws_request = from_raw_path


def say_who_may_not_do_what() -> None:
    """Logs answers refusals in JSON, not XML, and like STS names the resource; STS answers with one error.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    check = iam.IAMRequest.check_action_permitted
    denied, bad_key, bad_signature = (
        iam.IAMRequest._raise_access_denied,
        iam.IAMRequest._raise_invalid_access_key,
        iam.IAMRequest._raise_signature_does_not_match,
    )

    def check_and_keep_resource(self, resource):
        self._resource = resource
        check(self, resource)

    def in_json(otherwise, code, message):
        def refuse(self, *args):
            if self._service == "logs":
                raise JsonRESTError(code, message(self))
            try:
                otherwise(self, *args)
            except HTTPException as error:
                # STS has one error in its answer, moto a list of them, which the SDK does not read.
                error.description = error.description.replace("<Errors>", "").replace("</Errors>", "")
                raise


        return refuse

    def no_policy_allows(self):
        return (
            f"User: {self._access_key.arn} is not authorized to perform: {self._action} on resource: {self._resource} "
            f"because no identity-based policy allows the {self._action} action"
        )

    iam.IAMRequest.check_action_permitted = check_and_keep_resource
    iam.IAMRequest._raise_access_denied = in_json(denied, "AccessDeniedException", no_policy_allows)
    iam.IAMRequest._raise_invalid_access_key = in_json(
        bad_key, "UnrecognizedClientException", lambda _: "The security token included in the request is invalid."
    )
    iam.IAMRequest._raise_signature_does_not_match = in_json(
        bad_signature, "InvalidSignatureException", lambda _: "The request signature we calculated does not match."
    )


def trust_statements(role_arn: str) -> list[dict]:
    """The statements of a role's trust policy, in whichever account it is; none where the role does not exist."""
    partition, account = re.match(r"arn:([^:]+):iam::(\d+):role/", role_arn).groups()
    roles = [role for role in iam_backends[account][partition].get_roles() if role.arn == role_arn]
    statements = [json.loads(role.assume_role_policy_document)["Statement"] for role in roles]
    return [s for found in statements for s in (found if isinstance(found, list) else [found])]


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def ask_the_role_whom_it_trusts() -> None:
    """moto asks the trust policy only within one account, and knows no session of a role that is trusted.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """

    def names_for(arn: str) -> set[str]:
        role = re.sub(r":sts::(\d+):assumed-role/([^/]+)/.*", r":iam::\1:role/\2", arn)
        account = arn.split(":")[4]
        return {arn, role, account, f"arn:{arn.split(':')[1]}:iam::{account}:root"}

    def trusts(self, role_arn: str) -> bool:
        external_id = self._data.get("ExternalId", [None])[0]
        return any(
            statement["Effect"] == "Allow"
            and "sts:AssumeRole" in listed(statement["Action"])
            and names_for(self._access_key.arn) & set(listed(statement["Principal"].get("AWS", [])))
            and statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId", external_id) == external_id
            for statement in trust_statements(role_arn)
        )

    iam.IAMRequestBase._is_assuming_role_operation = lambda self, _: self._action == "sts:AssumeRole"
    iam.IAMRequestBase._check_role_trust_relationship = trusts


def let_web_identities_in() -> None:
    """AssumeRoleWithWebIdentity is not signed: the token speaks for itself, and the role says whether it federates."""
    authorize = TokenResponse._authenticate_and_authorize_normal_action

    def by_token(self, resource="*"):
        if self._get_action() != "AssumeRoleWithWebIdentity":
            return authorize(self, resource)
        federated = any(
            "sts:AssumeRoleWithWebIdentity" in listed(s["Action"]) and "Federated" in s["Principal"]
            for s in trust_statements(self.querystring["RoleArn"][0])
        )
        if not (federated and self.querystring.get("WebIdentityToken", [""])[0]):
            raise iam.AccessDeniedError(user_arn="anonymous", action="sts:AssumeRoleWithWebIdentity")

    TokenResponse._authenticate_and_authorize_normal_action = by_token


def let_those_who_list_a_bucket_look_at_it() -> None:
    """HeadBucket is allowed by `s3:ListBucket`; moto asks for an action `s3:HeadBucket`, which there is not.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    """
    ACTION_MAP["BUCKET"]["HEAD"]["DEFAULT"] = "ListBucket"


def judge_log_events(pinned: datetime | None) -> None:
    """moto takes puts of any size, span and emptiness, has both indices of what it rejects wrong by one or many, and
    takes what the group would not keep.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_RejectedLogEventsInfo.html
    """

    def put(self, log_group_name: str, log_stream_name: str, log_events: list[dict]):
        if log_group_name not in self.groups:
            raise ResourceNotFoundException()
        group: LogGroup = self.groups[log_group_name]
        refuse_what_breaks_limits(log_events)
        now = pinned or datetime.now(UTC)
        oldest = (now - TOO_OLD).timestamp() * 1000
        newest = (now + TOO_NEW).timestamp() * 1000
        times = [event["timestamp"] for event in log_events]
        first = next((i for i, time in enumerate(times) if time >= oldest), len(times))
        end = next((i for i, time in enumerate(times) if time > newest), len(times))
        rejected = {}
        if first > 0:
            rejected["tooOldLogEventEndIndex"] = first
        if group.retention_in_days:
            kept = (now - timedelta(days=int(group.retention_in_days))).timestamp() * 1000
            expired = next((i for i, time in enumerate(times) if time >= kept), len(times))
            if expired > first:
                rejected["expiredLogEventEndIndex"] = first = expired
        if end < len(times):
            rejected["tooNewLogEventStartIndex"] = end
        return group.put_log_events(log_stream_name, log_events[first:end]), rejected

    LogsBackend.put_log_events = put


def refuse_what_breaks_limits(events: list[dict]) -> None:
    times = [event["timestamp"] for event in events]
    size = sum(len(event["message"].encode()) + BYTES_PER_EVENT for event in events)
    broken = [
        (not 1 <= len(events) <= MAX_PUT_EVENTS, f"{len(events)} events"),
        (size > MAX_PUT_BYTES, f"Upload too large: {size} bytes exceeds limit of {MAX_PUT_BYTES}"),
        (times != sorted(times), "Log events in a single PutLogEvents request must be in chronological order."),
        (times and times[-1] - times[0] > MAX_SPAN.total_seconds() * 1000, "The batch spans more than 24 hours."),
        (not all(event["message"] for event in events), "Log event message cannot be empty."),
    ]
    for is_broken, message in broken:
        if is_broken:
            raise InvalidParameterException(message)


def judge_log_names() -> None:
    """moto takes any name of a group or stream."""
    create_group, create_stream = LogsBackend.create_log_group, LogsBackend.create_log_stream

    def group(self, log_group_name, *args, **kwargs):
        refuse_unless(GROUP_NAME, log_group_name, "logGroupName")
        return create_group(self, log_group_name, *args, **kwargs)

    def stream(self, log_group_name, log_stream_name):
        refuse_unless(STREAM_NAME, log_stream_name, "logStreamName")
        return create_stream(self, log_group_name, log_stream_name)

    LogsBackend.create_log_group, LogsBackend.create_log_stream = group, stream


def refuse_unless(pattern: re.Pattern, name: str, parameter: str) -> None:
    if not pattern.fullmatch(name):
        raise InvalidParameterException(
            constraint=f"Member must satisfy regular expression pattern: {pattern.pattern}",
            parameter=parameter,
            value=name,
        )


def name_what_was_completed() -> None:
    """The answer to CompleteMultipartUpload has the root `CompleteMultipartUploadResult`; moto says `…Response`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    serialize = S3Serializer._serialize_body

    def with_the_right_root(self, body):
        if "CompleteMultipartUploadResponse" in body:
            body = {"CompleteMultipartUploadResult": body["CompleteMultipartUploadResponse"]}
        return serialize(self, body)

    S3Serializer._serialize_body = with_the_right_root
