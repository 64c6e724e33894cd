"""Promises of `refusal_rules`, and of what the observer refuses on order, tried with AWS's own client for Python."""

import json
import unittest

from botocore.exceptions import ClientError
from test_launch import NOW_MS, LauncherTest


class RefusalsTest(unittest.TestCase):
    setUp, tearDown, call, client = (LauncherTest.__dict__[n] for n in ("setUp", "tearDown", "call", "client"))
    role, set_up_roles, assume_writer = (LauncherTest.__dict__[n] for n in ("role", "set_up_roles", "assume_writer"))

    def put(self, logs, message):
        event = {"timestamp": NOW_MS, "message": message}
        logs.put_log_events(logGroupName="good", logStreamName="s", logEvents=[event])

    def user(self, *resources):
        iam = self.client("iam")
        iam.create_user(UserName="u")
        statement = {"Effect": "Allow", "Action": "logs:*", "Resource": list(resources)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy)
        key = iam.create_access_key(UserName="u")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"], None

    def test_a_policy_may_name_one_log_group(self):
        keys = self.user("arn:aws:logs:*:*:log-group:good:*")
        self.call("/moto-api/reset-auth", b"0")
        logs = self.client("logs", keys)
        logs.create_log_group(logGroupName="good")
        logs.create_log_stream(logGroupName="good", logStreamName="s")
        self.put(logs, "one")
        with self.assertRaisesRegex(ClientError, "logs:CreateLogGroup on resource: .*:log-group:bad:log-stream:"):
            logs.create_log_group(logGroupName="bad")

    def test_sessions_expire_on_order_and_new_ones_are_good(self):
        self.set_up_roles("logs:CreateLogGroup")
        logs = self.client("logs", self.assume_writer())
        logs.create_log_group(logGroupName="one")
        self.call("/updraft-test/expire", b"")
        with self.assertRaisesRegex(ClientError, "ExpiredTokenException"):
            logs.create_log_group(logGroupName="two")
        self.client("logs", self.assume_writer()).create_log_group(logGroupName="three")

    def test_a_put_that_holds_poison_is_malformed(self):
        logs = self.client("logs")
        logs.create_log_group(logGroupName="good")
        logs.create_log_stream(logGroupName="good", logStreamName="s")
        self.call("/updraft-test/poison", {"text": "arsenic"})
        self.put(logs, "water")
        with self.assertRaisesRegex(ClientError, "InvalidParameterException"):
            self.put(logs, "water with arsenic")


del LauncherTest

if __name__ == "__main__":
    unittest.main()
