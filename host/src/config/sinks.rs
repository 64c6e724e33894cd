//! Checks of the sinks' options.

mod aws;
#[cfg(test)]
mod limit_tests;
mod s3;
mod tags;
#[cfg(test)]
mod tests;

use crate::sink::cloudwatch::limits;
use std::time::Duration;

use serde_json::Value;

use crate::route::template::Template;

use super::check::Check;
use super::graph::Node;
use super::parse::member;
use super::raw::Purpose;
use super::values::{as_typed, seconds, within};
use super::{CloudWatch, Codec, File, Layout, LogGroupClass, NewGroups, SinkKind, raw};

/// Most events in one put.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const CLOUDWATCH_MAX_BATCH_EVENTS: usize = limits::MAX_PUT_EVENTS;
/// Most bytes in one put, counting each message in UTF-8 and 26 bytes for each event.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const CLOUDWATCH_MAX_BATCH_BYTES: usize = limits::MAX_PUT_BYTES;
/// Days that a log group may keep events.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Tags of a log group.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
const MAX_GROUP_TAGS: usize = 50;
/// Characters of `kmsKeyId`. (Same page.)
const MAX_KMS_KEY_CHARS: usize = 256;
/// Log streams that may be created in a second: the quota can be raised, so this is no limit of AWS's.
const CREATE_STREAM_RATES: (f64, f64) = (0.01, 10_000.0);
/// Least that `max_bytes` may be, ours: room for a part of an oversize event with what it takes to put it together.
const LEAST_BATCH_BYTES: usize = 1024;

/// The log stream when nobody says…
const PATH: &str = "{{ path }}";
/// …and the one that Airflow's readers look for.
const TRY_PATH: &str = "{{ try_path }}";

const KINDS: [&str; 5] = ["aws_cloudwatch_logs", "aws_s3", "file", "console", "blackhole"];

/// What a sink takes, whose names it goes by, and what it is if it is right.
struct Checked {
    inputs: Vec<String>,
    route: Option<String>,
    kind: Option<SinkKind>,
}

impl Check<'_> {
    pub(super) fn sink(&mut self, id: String, mut value: Value) -> (Node, Option<SinkKind>, Option<String>) {
        let field = member("sinks", &id);
        let kind = self.kind(&mut value, &field, &KINDS);
        let checked = match kind {
            Some("aws_cloudwatch_logs") => self.cloudwatch(value, &field),
            Some("aws_s3") => self.s3(value, &field),
            Some("file") => self.file(value, &field),
            Some("console") => self.section(value, &field).map(|raw: raw::Console| Checked {
                inputs: raw.inputs,
                route: raw.route,
                kind: Some(SinkKind::Console(codec(&raw.encoding))),
            }),
            Some("blackhole") => self.section(value, &field).map(|raw: raw::Blackhole| Checked {
                inputs: raw.inputs,
                route: raw.route,
                kind: Some(SinkKind::Blackhole(codec(&raw.encoding))),
            }),
            _ => None,
        };
        let takes_dead_letters = self.dead_letters.contains_key(&id);
        let Checked { inputs, route, kind } = match checked {
            Some(checked) if checked.inputs.is_empty() && takes_dead_letters => checked,
            Some(Checked { inputs, route, kind }) => {
                Checked { inputs: self.inputs(inputs, &field), route, kind }
            }
            None => Checked { inputs: Vec::new(), route: None, kind: None },
        };
        let takes_dead_letters = takes_dead_letters && kind.is_some();
        (Node { field, id, inputs, takes_dead_letters }, kind, route)
    }

    fn cloudwatch(&mut self, value: Value, field: &str) -> Option<Checked> {
        let mut raw: raw::CloudWatch = self.section(value, field)?;
        let aws = self.aws(aws::Access::of_cloudwatch(&mut raw), field);
        let group_name = self.template(&raw.group_name, &member(field, "group_name"));
        let for_airflow = raw.purpose == Some(Purpose::AirflowUi);
        if for_airflow {
            self.decided_for(
                &[("stream_name", raw.stream_name.is_some()), ("encoding", raw.encoding.is_some())],
                "Airflow looks for one name, and shows one form well",
                field,
            );
        }
        let stream_name = raw.stream_name.as_deref().unwrap_or(if for_airflow { TRY_PATH } else { PATH });
        let stream_name = self.template(stream_name, &member(field, "stream_name"));
        let codec = match &raw.encoding {
            _ if for_airflow => Codec::Airflow,
            Some(encoding) => codec(encoding),
            None => Codec::Json,
        };
        let new_groups = self.new_groups(&raw, field);
        let batch = member(field, "batch");
        let at = |name: &str| member(&batch, name);
        let report = &mut self.report;
        let (least, most) = CREATE_STREAM_RATES;
        let rate = within(raw.create_stream_rate, least, most, &member(field, "create_stream_rate"), report);
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
            SinkKind::CloudWatch(Box::new(CloudWatch {
                aws,
                group_name,
                stream_name,
                create_missing_group: raw.create_missing_group,
                create_missing_stream: raw.create_missing_stream,
                create_stream_rate: rate,
                new_groups,
                codec,
                gzip: matches!(raw.compression, raw::RequestCompression::Gzip),
                max_events,
                max_bytes,
                timeout,
                dead_letter: raw.dead_letter,
            }))
        });
        Some(Checked { inputs: raw.inputs, route: raw.route, kind })
    }

    fn new_groups(&mut self, raw: &raw::CloudWatch, field: &str) -> NewGroups {
        let days =
            raw.retention.as_ref().filter(|retention| retention.enabled).map(|retention| retention.days);
        if let Some(days) = days
            && !RETENTION_DAYS.contains(&days)
        {
            let known = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
            self.report.add_with_help(
                &member(field, "retention.days"),
                format!("CloudWatch cannot keep events for {days} days"),
                format!("known: {known}"),
            );
        }
        if let Some(key) = &raw.kms_key {
            as_typed(key, &member(field, "kms_key"), &mut self.report);
            if !(key.starts_with("arn:") && key.contains(":kms:")) {
                let help = "CloudWatch takes a key's ARN only, no alias and no id";
                self.report.add_with_help(
                    &member(field, "kms_key"),
                    format!("`{key}` is no ARN of a key"),
                    help,
                );
            }
            if key.len() > MAX_KMS_KEY_CHARS {
                let what = format!("an ARN of a key has at most {MAX_KMS_KEY_CHARS} characters");
                self.report.add(&member(field, "kms_key"), what);
            }
        }
        let at = member(field, "tags");
        tags::keys(raw.tags.keys(), (MAX_GROUP_TAGS, "a log group"), &at, &mut self.report);
        for (key, value) in &raw.tags {
            tags::value(key, value, &at, &mut self.report);
        }
        let asked =
            days.is_some() || raw.kms_key.is_some() || !raw.tags.is_empty() || raw.log_group_class.is_some();
        if asked && !raw.create_missing_group {
            self.report.warnings.push(format!(
                "{field}: retention, kms_key, tags and log_group_class are for groups that it creates, and create_missing_group is false"
            ));
        }
        NewGroups {
            retention_days: days.and_then(|days| i32::try_from(days).ok()),
            kms_key: raw.kms_key.clone(),
            tags: raw.tags.clone(),
            class: raw.log_group_class.map(|class| match class {
                raw::LogGroupClass::Standard => LogGroupClass::Standard,
                raw::LogGroupClass::InfrequentAccess => LogGroupClass::InfrequentAccess,
                raw::LogGroupClass::Delivery => LogGroupClass::Delivery,
            }),
        }
    }

    fn file(&mut self, value: Value, field: &str) -> Option<Checked> {
        let raw: raw::File = self.section(value, field)?;
        if let Some(key) = &raw.key
            && leads_upward(key)
        {
            self.report.add_with_help(
                &member(field, "key"),
                format!("`{key}` leads upward"),
                "write the folder in path, and no `..` in key",
            );
        }
        let path = self.folder.join(raw.path);
        let layout = match raw.layout {
            raw::Layout::Mirror => {
                let batch_only = [
                    ("compression", raw.compression.is_some()),
                    ("batch", raw.batch.is_some()),
                    ("filename_extension", raw.filename_extension.is_some()),
                ];
                self.only_with(&batch_only, "layout: batch", field);
                let codec = raw.encoding.as_ref().map_or(Codec::Raw, codec);
                self.mirror(raw.key, codec, field).map(Layout::Mirror)
            }
            raw::Layout::Batch => {
                let shape = s3::Shape {
                    key: raw.key,
                    encoding: raw.encoding,
                    compression: raw.compression,
                    batch: raw.batch,
                    extension: raw.filename_extension,
                };
                self.object_batch(shape, field).map(Layout::Batch)
            }
        };
        let kind = layout.map(|layout| SinkKind::File(File { path, layout }));
        Some(Checked { inputs: raw.inputs, route: raw.route, kind })
    }

    /// Options that were set and have no effect without another.
    fn only_with(&mut self, options: &[(&str, bool)], other: &str, field: &str) {
        for (name, _) in options.iter().filter(|(_, is_set)| *is_set) {
            self.report.add(&member(field, name), format!("`{name}` goes with `{other}` only"));
        }
    }

    /// Options that were set and that `for` has decided about.
    fn decided_for(&mut self, options: &[(&str, bool)], why: &str, field: &str) {
        for (name, _) in options.iter().filter(|(_, is_set)| *is_set) {
            let what = format!("`for: airflow-ui` decides about it: {why}");
            self.report.add_with_help(&member(field, name), what, "leave it out, or leave `for` out");
        }
    }

    pub(super) fn template(&mut self, text: &str, field: &str) -> Option<Template> {
        self.report.take(field, Template::parse(text))
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
