//! What objects are like besides their bytes: what the config asks for, rendered for one stream and written as S3
//! takes it. Nothing is sent that was not asked for: most of it needs permissions that a policy for logs lacks.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use aws_sdk_s3::types::{
    ChecksumAlgorithm, ObjectCannedAcl, ObjectLockMode, ServerSideEncryption, StorageClass as SdkStorageClass,
};
use aws_smithy_types::{DateTime, base64};

use crate::config::{Acl, Checksum, Encryption, Objects, StorageClass};
use crate::route::template::{Names, Template};

/// Bytes of an object's metadata, names and values together.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const MAX_METADATA_BYTES: usize = 2048;
/// Characters of a tag's value. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>
const MAX_TAG_VALUE_CHARS: usize = 256;
/// Bytes of one encoded word. <https://www.rfc-editor.org/rfc/rfc2047#section-2>
const MAX_ENCODED_WORD: usize = 75;
/// What a log file is.
pub const LOG: &str = "text/plain; charset=utf-8";
const WORD_BEGINS: &str = "=?UTF-8?B?";
const WORD_ENDS: &str = "?=";
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// Scripts whose letters are kept in tags: none of their letters is a mark, which S3 would refuse.
const SCRIPTS: [std::ops::RangeInclusive<char>; 5] = [
    '\u{c0}'..='\u{24f}',
    '\u{386}'..='\u{52f}',
    '\u{3041}'..='\u{30fe}',
    '\u{4e00}'..='\u{9fff}',
    '\u{ac00}'..='\u{d7a3}',
];

/// What one object is like. What all objects of a sink have in common is in its [`Client`](super::client::Client).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSettings {
    /// `Content-Type`
    pub content_type: String,
    /// `Content-Encoding`
    pub content_encoding: Option<String>,
    /// Metadata as it goes into headers: ASCII.
    pub metadata: HashMap<String, String>,
    /// Tags as `x-amz-tagging` takes them; none: no such header.
    pub tagging: Option<String>,
}

impl ObjectSettings {
    /// `content_type` and `content_encoding` are what the content is; the config may say otherwise.
    pub fn new(objects: &Objects, content_type: &str, content_encoding: Option<&str>) -> Self {
        Self {
            content_type: objects.content_type.clone().unwrap_or_else(|| content_type.to_owned()),
            content_encoding: objects
                .content_encoding
                .clone()
                .or_else(|| content_encoding.map(str::to_owned)),
            ..Self::default()
        }
    }

    /// One of our own metadata, for which there is always room. Both are ASCII.
    #[must_use]
    pub fn noting(mut self, name: &str, value: &str) -> Self {
        self.metadata.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Tags and metadata of the config, for this stream. Returns the names of those left out: the stream lacks what
    /// they name, or S3 has no room for them.
    pub fn describe(&mut self, objects: &Objects, names: &Names<'_>) -> Vec<String> {
        let mut left_out = Vec::new();
        let mut pairs = Vec::new();
        for (name, template) in &objects.tags {
            match rendered(template, names) {
                Some(text) => pairs.push(format!("{}={}", percent(name), percent(&tag_value(&text)))),
                None => left_out.push(format!("tags.{name}")),
            }
        }
        self.tagging = (!pairs.is_empty()).then(|| pairs.join("&"));
        let mut room = MAX_METADATA_BYTES - self.metadata_bytes().min(MAX_METADATA_BYTES);
        for (name, template) in &objects.metadata {
            // S3 keeps names in small letters.
            let (name, text) =
                (name.to_ascii_lowercase(), rendered(template, names).map(|text| header(&text)));
            match text.filter(|text| name.len() + text.len() <= room) {
                Some(text) => {
                    room -= name.len() + text.len();
                    self.metadata.insert(name, text);
                }
                None => left_out.push(format!("metadata.{name}")),
            }
        }
        left_out
    }

    fn metadata_bytes(&self) -> usize {
        self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// What writing such objects needs besides `s3:PutObject`, and which option asks for it; none: nothing.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html> (Permissions)
pub(super) fn further_rights(objects: &Objects) -> Option<String> {
    let rights = [
        (objects.acl.is_some(), "s3:PutObjectAcl (acl)"),
        (!objects.tags.is_empty(), "s3:PutObjectTagging (tags)"),
        (objects.lock.is_some(), "s3:PutObjectRetention (object_lock)"),
        (
            matches!(objects.encryption, Some(Encryption::Kms | Encryption::KmsDsse)),
            "kms:GenerateDataKey and kms:Decrypt on the key (server_side_encryption)",
        ),
    ];
    let asked: Vec<&str> = rights.iter().filter(|(asked, _)| *asked).map(|(_, right)| *right).collect();
    (!asked.is_empty()).then(|| asked.join(", "))
}

/// Sets on a request, of `PutObject` or `CreateMultipartUpload`, what its object is like.
macro_rules! with_settings {
    ($request:expr, $objects:expr, $settings:expr) => {{
        let (objects, settings): (&crate::config::Objects, &$crate::sink::s3::settings::ObjectSettings) =
            ($objects, $settings);
        let lock = objects.lock.map($crate::sink::s3::settings::lock);
        let (lock_mode, lock_until) = lock.unzip();
        $request
            .content_type(&settings.content_type)
            .set_content_encoding(settings.content_encoding.clone())
            .set_metadata(Some(settings.metadata.clone()))
            .set_tagging(settings.tagging.clone())
            .set_acl(objects.acl.map($crate::sink::s3::settings::acl))
            .set_storage_class(objects.storage_class.map($crate::sink::s3::settings::storage_class))
            .set_server_side_encryption(objects.encryption.map($crate::sink::s3::settings::encryption))
            .set_ssekms_key_id(objects.kms_key_id.clone())
            .set_object_lock_mode(lock_mode)
            .set_object_lock_retain_until_date(lock_until)
            .checksum_algorithm($crate::sink::s3::settings::checksum(objects.checksum))
    }};
}
pub(super) use with_settings;

/// The checksum of that kind in an answer that holds one for each.
macro_rules! checksum_in {
    ($answer:expr, $kind:expr) => {
        match $kind {
            $crate::config::Checksum::Crc32 => $answer.checksum_crc32(),
            $crate::config::Checksum::Crc32c => $answer.checksum_crc32_c(),
            $crate::config::Checksum::Crc64nvme => $answer.checksum_crc64_nvme(),
            $crate::config::Checksum::Sha1 => $answer.checksum_sha1(),
            $crate::config::Checksum::Sha256 => $answer.checksum_sha256(),
        }
        .map(str::to_owned)
    };
}
pub(super) use checksum_in;

/// What S3 takes for it.
pub(super) fn checksum(checksum: Checksum) -> ChecksumAlgorithm {
    match checksum {
        Checksum::Crc32 => ChecksumAlgorithm::Crc32,
        Checksum::Crc32c => ChecksumAlgorithm::Crc32C,
        Checksum::Crc64nvme => ChecksumAlgorithm::Crc64Nvme,
        Checksum::Sha1 => ChecksumAlgorithm::Sha1,
        Checksum::Sha256 => ChecksumAlgorithm::Sha256,
    }
}

/// What S3 takes for it.
pub(super) fn acl(acl: Acl) -> ObjectCannedAcl {
    match acl {
        Acl::Private => ObjectCannedAcl::Private,
        Acl::PublicRead => ObjectCannedAcl::PublicRead,
        Acl::PublicReadWrite => ObjectCannedAcl::PublicReadWrite,
        Acl::AwsExecRead => ObjectCannedAcl::AwsExecRead,
        Acl::AuthenticatedRead => ObjectCannedAcl::AuthenticatedRead,
        Acl::BucketOwnerRead => ObjectCannedAcl::BucketOwnerRead,
        Acl::BucketOwnerFullControl => ObjectCannedAcl::BucketOwnerFullControl,
    }
}

/// What S3 takes for it.
pub(super) fn storage_class(class: StorageClass) -> SdkStorageClass {
    match class {
        StorageClass::Standard => SdkStorageClass::Standard,
        StorageClass::ReducedRedundancy => SdkStorageClass::ReducedRedundancy,
        StorageClass::IntelligentTiering => SdkStorageClass::IntelligentTiering,
        StorageClass::StandardIa => SdkStorageClass::StandardIa,
        StorageClass::ExpressOnezone => SdkStorageClass::ExpressOnezone,
        StorageClass::OnezoneIa => SdkStorageClass::OnezoneIa,
        StorageClass::GlacierIr => SdkStorageClass::GlacierIr,
        StorageClass::Glacier => SdkStorageClass::Glacier,
        StorageClass::DeepArchive => SdkStorageClass::DeepArchive,
    }
}

/// What S3 takes for it.
pub(super) fn encryption(encryption: Encryption) -> ServerSideEncryption {
    match encryption {
        Encryption::Aes256 => ServerSideEncryption::Aes256,
        Encryption::Kms => ServerSideEncryption::AwsKms,
        Encryption::KmsDsse => ServerSideEncryption::AwsKmsDsse,
    }
}

/// Mode, and the date from now on.
pub(super) fn lock(lock: crate::config::ObjectLock) -> (ObjectLockMode, DateTime) {
    let mode = if lock.compliance { ObjectLockMode::Compliance } else { ObjectLockMode::Governance };
    let now = DateTime::from(SystemTime::now()).secs();
    (mode, DateTime::from_secs(now.saturating_add(i64::from(lock.days) * SECONDS_PER_DAY)))
}

/// Whether S3 takes that character in a tag.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_S3Tag.html>
pub(crate) fn fits_tag(c: char) -> bool {
    let letter = || c.is_alphanumeric() && SCRIPTS.iter().any(|script| script.contains(&c));
    c.is_ascii_alphanumeric() || " +-=._:/@".contains(c) || letter()
}

/// None: the stream lacks what the template names, or the template fails for it.
fn rendered(template: &Template, names: &Names<'_>) -> Option<String> {
    template.render(names).ok().filter(|rendered| !rendered.fell_back).map(|rendered| rendered.text)
}

/// What S3 takes no tag with becomes `_`; what is too long is cut.
fn tag_value(text: &str) -> String {
    text.chars().take(MAX_TAG_VALUE_CHARS).map(|c| if fits_tag(c) { c } else { '_' }).collect()
}

/// All but letters, digits and `-_.~` percent-encoded.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            // Writing to a string does not fail.
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

/// As it stands where a header carries it unchanged, else in encoded words, which S3 decodes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>, <https://www.rfc-editor.org/rfc/rfc2047>
fn header(text: &str) -> String {
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    if plain && !text.contains("=?") {
        return text.to_owned();
    }
    // Three bytes make four of base64.
    let fits = (MAX_ENCODED_WORD - WORD_BEGINS.len() - WORD_ENDS.len()) / 4 * 3;
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(fits));
        words.push(format!("{WORD_BEGINS}{}{WORD_ENDS}", base64::encode(word)));
        rest = after;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests;
