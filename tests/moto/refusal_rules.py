"""How AWS refuses where moto 5.2.1 does not: by the log group that a policy names. See `aws_rules`."""

from moto.logs.responses import LogsResponse


def apply() -> None:
    know_which_log_group_is_meant()


def know_which_log_group_is_meant() -> None:
    """moto judges every request to Logs as if it were about everything, so no policy can name one log group.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    """
    authorize = LogsResponse._authenticate_and_authorize_normal_action

    def with_resource(self, resource="*"):
        try:
            group, stream = self._get_param("logGroupName"), self._get_param("logStreamName")
        except ValueError:  # a compressed body
            group = stream = None
        if group and resource == "*":
            place = f"{self.region}:{self.current_account}"
            resource = f"arn:aws:logs:{place}:log-group:{group}:log-stream:{stream or ''}"
        authorize(self, resource)

    LogsResponse._authenticate_and_authorize_normal_action = with_resource
