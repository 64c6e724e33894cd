//! Checks of `aws_s3`, and of the layouts that `file` has too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::raw::Purpose;
use super::{Checked, aws, codec, tags};
use crate::config::check::Check;
use crate::config::parse::member;
use crate::config::values::{as_typed, bucket, seconds, within};
use crate::config::{
    Codec, Compression, Encryption, Layout, Mirror, ObjectBatch, ObjectLock, Objects, S3, SinkKind, defaults,
    raw,
};
use crate::route::partition::Partition;
use crate::route::template::Template;

/// More often than that would be nothing but uploads.
const LEAST_REFRESH: Duration = Duration::from_millis(100);
/// Bytes of one object of layout `batch`: it is made in memory.
const OBJECT_BYTES: (usize, usize) = (1024, 256 * 1024 * 1024);
/// Tags of an object. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>
const MAX_TAGS: usize = 10;
/// Days of a retention period: 100 years.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html>
const LOCK_DAYS: (u32, u32) = (1, 36_500);
/// Where objects of layout `batch` go when nobody says.
const DEFAULT_FOLDER: &str = "date=%F/hour=%H";

/// The options of layout `batch`.
pub(super) struct Shape {
    pub(super) key: Option<String>,
    pub(super) encoding: Option<raw::Encoding>,
    pub(super) compression: Option<raw::Compression>,
    pub(super) batch: Option<raw::ObjectBatch>,
    pub(super) extension: Option<String>,
}

impl Check<'_> {
    pub(super) fn s3(&mut self, value: serde_json::Value, field: &str) -> Option<Checked> {
        let mut raw: raw::S3 = self.section(value, field)?;
        let force_path_style = raw
            .force_path_style
            .unwrap_or_else(|| defaults::force_path_style(raw.endpoint.as_deref(), self.env));
        let aws = self.aws(aws::Access::of_s3(&mut raw), field);
        bucket(&raw.bucket, &member(field, "bucket"), &mut self.report);
        as_typed(&raw.key_prefix, &member(field, "key_prefix"), &mut self.report);
        if raw.layout == raw::Layout::Batch && raw.key_prefix.contains('%') {
            self.report.warnings.push(format!(
                "{}: `{}` is taken as it is: times like %F are for `key`",
                member(field, "key_prefix"),
                raw.key_prefix
            ));
        }
        if raw.key_prefix.contains("{{") {
            let what = format!("`{}` is no template: it stands before every key as it is", raw.key_prefix);
            self.report.add_with_help(&member(field, "key_prefix"), what, "put it into key");
        }
        if raw.purpose == Some(Purpose::AirflowUi) {
            let options = [
                ("layout", raw.layout == raw::Layout::Batch),
                ("key", raw.key.is_some()),
                ("content_encoding", raw.content_encoding.is_some()),
            ];
            self.decided_for(&options, "Airflow looks for one key, and for text as it stands", field);
        }
        let objects = self.objects(&mut raw, field);
        let layout = match raw.layout {
            raw::Layout::Mirror => self.s3_mirror(&mut raw, field).map(Layout::Mirror),
            raw::Layout::Batch => {
                let mirror_only = [
                    ("refresh_secs", raw.refresh_secs.is_some()),
                    ("write_once", raw.write_once),
                    ("quiet_secs", raw.quiet_secs.is_some()),
                ];
                self.only_with(&mirror_only, "layout: mirror", field);
                let shape = Shape {
                    key: raw.key,
                    encoding: raw.encoding,
                    compression: raw.compression,
                    batch: raw.batch,
                    extension: raw.filename_extension,
                };
                self.object_batch(shape, field).map(Layout::Batch)
            }
        };
        let (bucket, key_prefix) = (raw.bucket, raw.key_prefix);
        let kind = layout.map(|layout| {
            SinkKind::S3(Box::new(S3 { aws, bucket, force_path_style, key_prefix, layout, objects }))
        });
        Some(Checked { inputs: raw.inputs, route: raw.route, kind })
    }

    fn s3_mirror(&mut self, raw: &mut raw::S3, field: &str) -> Option<Mirror> {
        let for_airflow = raw.purpose == Some(Purpose::AirflowUi);
        let batch_only = [
            ("encoding", raw.encoding.is_some()),
            ("compression", raw.compression.is_some()),
            ("batch", raw.batch.is_some()),
            ("filename_extension", raw.filename_extension.is_some()),
        ];
        self.only_with(&batch_only, "layout: batch", field);
        if raw.write_once {
            self.only_with(&[("refresh_secs", raw.refresh_secs.is_some())], "write_once: false", field);
        } else {
            self.only_with(&[("quiet_secs", raw.quiet_secs.is_some())], "write_once: true", field);
        }
        let time = |given: Option<f64>, default: f64, name: &str, check: &mut Self| {
            seconds(given.unwrap_or(default), LEAST_REFRESH, &member(field, name), &mut check.report)
        };
        let often = if for_airflow { raw::refresh_secs_for_eyes() } else { raw::refresh_secs() };
        let refresh = time(raw.refresh_secs, often, "refresh_secs", self);
        let quiet = time(raw.quiet_secs, raw::quiet_secs(), "quiet_secs", self);
        let mirror = self.mirror(raw.key.take(), Codec::Raw, field)?;
        Some(Mirror { refresh, write_once: raw.write_once.then_some(quiet), legible: for_airflow, ..mirror })
    }

    pub(super) fn mirror(&mut self, key: Option<String>, codec: Codec, field: &str) -> Option<Mirror> {
        let key = key.unwrap_or_else(raw::path_template);
        let key = self.template(&key, &member(field, "key"))?;
        let refresh = Duration::try_from_secs_f64(raw::refresh_secs()).unwrap_or_default();
        Some(Mirror { key, refresh, write_once: None, legible: false, codec })
    }

    pub(super) fn object_batch(&mut self, raw: Shape, field: &str) -> Option<ObjectBatch> {
        let key = raw.key.as_deref().unwrap_or(DEFAULT_FOLDER);
        let folder = self.report.take(&member(field, "key"), Partition::parse(key));
        let limits = raw.batch.unwrap_or_default();
        let batch = member(field, "batch");
        let at = |name: &str| member(&batch, name);
        let report = &mut self.report;
        let (least, most) = OBJECT_BYTES;
        let max_bytes = within(limits.max_bytes, least, most, &at("max_bytes"), report);
        // The default floor is for objects of the default size.
        let floor = if limits.min_bytes == raw::object_min_bytes() {
            limits.min_bytes.min(max_bytes)
        } else {
            limits.min_bytes
        };
        let min_bytes = within(floor, 0, max_bytes.max(1), &at("min_bytes"), report);
        let timeout = seconds(limits.timeout_secs, Duration::ZERO, &at("timeout_secs"), report);
        let max_wait = seconds(limits.max_wait_secs, Duration::ZERO, &at("max_wait_secs"), report);
        if let Some(extension) = &raw.extension {
            let name = member(field, "filename_extension");
            as_typed(extension, &name, report);
            if extension.contains('/') || extension.starts_with('.') {
                report.add_with_help(
                    &name,
                    format!("`{extension}` is no extension"),
                    "write it as in log.gz",
                );
            }
        }
        Some(ObjectBatch {
            folder: folder?,
            codec: raw.encoding.as_ref().map_or(Codec::Json, codec),
            compression: match raw.compression {
                Some(raw::Compression::None) => Compression::None,
                Some(raw::Compression::Zstd) => Compression::Zstd,
                Some(raw::Compression::Gzip) | None => Compression::Gzip,
            },
            extension: raw.extension,
            max_bytes,
            timeout,
            min_bytes,
            // What waits for more waits at least as long as what does not.
            max_wait: max_wait.max(timeout),
        })
    }

    fn objects(&mut self, raw: &mut raw::S3, field: &str) -> Objects {
        let kms = matches!(raw.server_side_encryption, Some(Encryption::Kms | Encryption::KmsDsse));
        if let Some(key) = &raw.ssekms_key_id {
            as_typed(key, &member(field, "ssekms_key_id"), &mut self.report);
            if !kms {
                let needs = [("ssekms_key_id", true)];
                self.only_with(&needs, "server_side_encryption: aws:kms", field);
            }
        }
        for (name, value) in [
            ("content_type", &raw.content_type),
            ("content_encoding", &raw.content_encoding),
            ("ssekms_key_id", &raw.ssekms_key_id),
        ] {
            let fits = |c: char| c == ' ' || c.is_ascii_graphic();
            if value.as_ref().is_some_and(|value| value.trim().is_empty() || !value.chars().all(fits)) {
                self.report
                    .add(&member(field, name), "a header cannot carry it: it is empty, or not plain ASCII");
            }
        }
        tags::keys(raw.tags.keys(), (MAX_TAGS, "an object"), &member(field, "tags"), &mut self.report);
        let mut seen: BTreeMap<String, &String> = BTreeMap::new();
        for key in raw.metadata.keys() {
            // S3 keeps names in small letters.
            let kept = key.to_ascii_lowercase();
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if key.is_empty() || !key.chars().all(allowed) || kept.starts_with("updraft-") {
                let what = format!("`{key}` cannot be a name of metadata");
                let help = "letters, digits, `-`, `_` and `.`; names that begin with updraft- are ours";
                self.report.add_with_help(&member(field, "metadata"), what, help);
            } else if let Some(other) = seen.insert(kept, key) {
                let what = format!("`{other}` and `{key}` are one name to S3, which keeps small letters");
                self.report.add(&member(field, "metadata"), what);
            }
        }
        if raw.object_lock.is_some() && !raw.write_once && raw.layout == raw::Layout::Mirror {
            self.only_with(&[("object_lock", true)], "write_once: true", field);
        }
        let lock = raw.object_lock.take().map(|lock| ObjectLock {
            compliance: matches!(lock.mode, raw::LockMode::Compliance),
            days: within(
                lock.days,
                LOCK_DAYS.0,
                LOCK_DAYS.1,
                &member(field, "object_lock.days"),
                &mut self.report,
            ),
        });
        Objects {
            content_type: raw.content_type.take(),
            content_encoding: raw.content_encoding.take(),
            acl: raw.acl,
            storage_class: raw.storage_class,
            encryption: raw.server_side_encryption,
            kms_key_id: raw.ssekms_key_id.take(),
            tags: self.templates(std::mem::take(&mut raw.tags), &member(field, "tags")),
            metadata: self.templates(std::mem::take(&mut raw.metadata), &member(field, "metadata")),
            checksum: raw.checksum_algorithm,
            lock,
        }
    }

    fn templates(&mut self, texts: BTreeMap<String, String>, field: &str) -> BTreeMap<String, Template> {
        let templates = texts.into_iter();
        templates
            .filter_map(|(key, text)| Some((self.template(&text, &member(field, &key))?, key)))
            .map(|(t, k)| (k, t))
            .collect()
    }
}
