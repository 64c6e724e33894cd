//! Checks of the sinks' options.

use crate::sink::cloudwatch::limits;
use std::time::Duration;

use serde_json::Value;

use crate::route::template::Template;

use super::check::Check;
use super::graph::Node;
use super::parse::member;
use super::values::{as_typed, bucket, endpoint, region, role_arn, seconds, within};
use super::{AssumeRole, Aws, CloudWatch, Codec, Console, File, S3, SinkKind, defaults, raw};

/// Most events in one put.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const CLOUDWATCH_MAX_BATCH_EVENTS: usize = limits::MAX_PUT_EVENTS;
/// Most bytes in one put, counting each message in UTF-8 and 26 bytes for each event.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const CLOUDWATCH_MAX_BATCH_BYTES: usize = limits::MAX_PUT_BYTES;
/// Least that `max_bytes` may be, ours: room for a part of an oversize event with what it takes to put it together.
const LEAST_BATCH_BYTES: usize = 1024;
/// A growing file is uploaded again as a whole; more often than that would be nothing but uploads.
const LEAST_REFRESH: Duration = Duration::from_millis(100);

const KINDS: [&str; 4] = ["aws_cloudwatch_logs", "aws_s3", "file", "console"];

impl Check<'_> {
    pub(super) fn sink(&mut self, id: String, mut value: Value) -> (Node, Option<SinkKind>) {
        let field = member("sinks", &id);
        let checked = match self.kind(&mut value, &field, &KINDS) {
            Some("aws_cloudwatch_logs") => self.cloudwatch(value, &field),
            Some("aws_s3") => self.s3(value, &field),
            Some("file") => self.file(value, &field),
            Some("console") => self.section(value, &field).map(|raw: raw::Console| {
                (raw.inputs, Some(SinkKind::Console(Console { codec: codec(&raw.encoding) })))
            }),
            _ => None,
        };
        match checked {
            Some((inputs, kind)) => (Node { inputs: self.inputs(inputs, &field), field, id }, kind),
            None => (Node { field, id, inputs: Vec::new() }, None),
        }
    }

    fn cloudwatch(&mut self, value: Value, field: &str) -> Option<(Vec<String>, Option<SinkKind>)> {
        let raw: raw::CloudWatch = self.section(value, field)?;
        let aws = self.aws(raw.region, raw.endpoint, raw.auth, field);
        let group_name = self.template(&raw.group_name, &member(field, "group_name"));
        let stream_name = self.template(&raw.stream_name, &member(field, "stream_name"));
        let batch = member(field, "batch");
        let at = |name: &str| member(&batch, name);
        let report = &mut self.report;
        let max_events =
            within(raw.batch.max_events, 1, CLOUDWATCH_MAX_BATCH_EVENTS, &at("max_events"), report);
        let max_bytes = within(
            raw.batch.max_bytes,
            LEAST_BATCH_BYTES,
            CLOUDWATCH_MAX_BATCH_BYTES,
            &at("max_bytes"),
            report,
        );
        let timeout = seconds(raw.batch.timeout_secs, Duration::ZERO, &at("timeout_secs"), report);
        let kind = group_name.zip(stream_name).map(|(group_name, stream_name)| {
            SinkKind::CloudWatch(CloudWatch {
                aws,
                group_name,
                stream_name,
                create_missing_group: raw.create_missing_group,
                create_missing_stream: raw.create_missing_stream,
                codec: codec(&raw.encoding),
                max_events,
                max_bytes,
                timeout,
            })
        });
        Some((raw.inputs, kind))
    }

    fn s3(&mut self, value: Value, field: &str) -> Option<(Vec<String>, Option<SinkKind>)> {
        let raw: raw::S3 = self.section(value, field)?;
        let raw::Layout::Mirror = raw.layout;
        let force_path_style = raw
            .force_path_style
            .unwrap_or_else(|| defaults::force_path_style(raw.endpoint.as_deref(), self.env));
        let aws = self.aws(raw.region, raw.endpoint, raw.auth, field);
        bucket(&raw.bucket, &member(field, "bucket"), &mut self.report);
        as_typed(&raw.key_prefix, &member(field, "key_prefix"), &mut self.report);
        let key = self.template(&raw.key, &member(field, "key"));
        let refresh =
            seconds(raw.refresh_secs, LEAST_REFRESH, &member(field, "refresh_secs"), &mut self.report);
        let (bucket, key_prefix) = (raw.bucket, raw.key_prefix);
        let kind =
            key.map(|key| SinkKind::S3(S3 { aws, bucket, key_prefix, key, refresh, force_path_style }));
        Some((raw.inputs, kind))
    }

    fn file(&mut self, value: Value, field: &str) -> Option<(Vec<String>, Option<SinkKind>)> {
        let raw: raw::File = self.section(value, field)?;
        let raw::Layout::Mirror = raw.layout;
        let at = member(field, "key");
        if leads_upward(&raw.key) {
            self.report.add_with_help(
                &at,
                format!("`{}` leads upward", raw.key),
                "write the folder in path, and no `..` in key",
            );
        }
        let key = self.template(&raw.key, &at);
        let path = self.folder.join(raw.path);
        Some((raw.inputs, key.map(|key| SinkKind::File(File { path, key, codec: codec(&raw.encoding) }))))
    }

    fn template(&mut self, text: &str, field: &str) -> Option<Template> {
        self.report.take(field, Template::parse(text))
    }

    fn aws(
        &mut self,
        named: Option<String>,
        url: Option<String>,
        auth: Option<raw::Auth>,
        field: &str,
    ) -> Aws {
        if let Some(named) = &named {
            region(named, &member(field, "region"), &mut self.report);
        }
        if let Some(url) = &url {
            endpoint(url, &member(field, "endpoint"), &mut self.report);
        }
        let auth = auth.map(|auth| {
            role_arn(&auth.assume_role, &member(field, "auth.assume_role"), &mut self.report);
            AssumeRole {
                role_arn: auth.assume_role,
                external_id: auth.external_id,
                session_name: auth.session_name,
            }
        });
        Aws { region: named, endpoint: url, auth }
    }
}

/// Whether a part of the path is `..` in a template's own text. What a name brings in is looked at when it is known.
fn leads_upward(template: &str) -> bool {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, tag)) = rest.split_once('{') {
        text.push_str(before);
        let end = match tag.chars().next() {
            // It stands for a text.
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => "#}",
            _ => {
                text.push('{');
                rest = tag;
                continue;
            }
        };
        if end == "}}" {
            text.push('x');
        }
        rest = tag.split_once(end).map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.trim().split('/').any(|part| part == "..")
}

fn codec(encoding: &raw::Encoding) -> Codec {
    match encoding.codec {
        raw::Codec::Json => Codec::Json,
        raw::Codec::Text => Codec::Text,
        raw::Codec::Raw => Codec::Raw,
    }
}
