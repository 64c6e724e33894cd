//! Gets one object's content to S3: one put where it fits into a part, else a multipart upload, a part in memory.

use super::client::{Client, Precondition, Written};
use super::content::Content;
use super::limits;
use super::multipart::must_begin_anew;
use crate::counters::Counter;
use crate::sink::service_error::ServiceError;
use crate::transform::{WorkerGone, Workers};
use bytes::Bytes;
use std::collections::HashMap;
use std::time::Duration;

/// A part that fails is sent again so often before the whole upload is given up, to be begun anew later.
const PART_TRIES: u32 = 5;
/// Between those, growing.
const PART_PAUSE: Duration = Duration::from_millis(500);

/// What is to be written.
pub struct Object<'a> {
    /// Its key.
    pub key: &'a str,
    /// User metadata.
    pub metadata: HashMap<String, String>,
    /// Whether the key may be taken already.
    pub precondition: Precondition,
    /// Line breaks before this byte were counted already.
    pub counted: u64,
}

/// An object that was written.
pub struct Uploaded {
    /// Up to which byte of the file.
    pub covered: u64,
    /// How many bytes it has.
    pub length: u64,
    /// How many line breaks are new in it.
    pub lines: u64,
}

/// Why an object was not written.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The key belongs to somebody else, or to an earlier write of ours.
    #[error("the key is taken")]
    Taken,
    /// The service said no.
    #[error(transparent)]
    Service(#[from] Box<ServiceError>),
    /// The file can't be read, or a guest halts.
    #[error(transparent)]
    Source(#[from] std::io::Error),
    /// A worker ended: a bug of ours.
    #[error(transparent)]
    Worker(#[from] WorkerGone),
    /// More than S3 takes.
    #[error("{0} bytes are more than an object of S3 can hold")]
    TooLarge(u64),
}

/// Writes the whole object. Needs no more memory than two parts, whatever its size. `progress`: bytes of parts.
pub async fn upload(
    client: &Client,
    workers: &Workers,
    object: &Object<'_>,
    size: u64,
    content: Content,
    progress: &Counter,
) -> Result<Uploaded, UploadError> {
    let part_size = limits::part_size_for(size).ok_or(UploadError::TooLarge(size))?;
    let part_size = usize::try_from(part_size).map_err(|_| UploadError::TooLarge(size))?;
    let mut reader =
        Reader { content: Some(content), part_size, counted: object.counted, length: 0, lines: 0 };
    let first = reader.next(workers).await?;
    if first.len() < part_size {
        let written =
            client.put_object(object.key, first, object.metadata.clone(), object.precondition).await?;
        return finish(reader, &written);
    }
    let upload = client.create_upload(object.key, object.metadata.clone()).await?;
    let (mut parts, mut bytes) = (Vec::new(), first);
    while !bytes.is_empty() {
        let number = u16::try_from(parts.len() + 1).map_err(|_| UploadError::TooLarge(reader.length))?;
        parts.push(persist(|| client.upload_part(&upload, number, bytes.clone())).await?);
        progress.add(bytes.len() as u64);
        bytes = reader.next(workers).await?;
    }
    let written = persist(|| client.complete_upload(&upload, parts.clone(), object.precondition)).await?;
    finish(reader, &written)
}

fn finish(reader: Reader, written: &Written) -> Result<Uploaded, UploadError> {
    match written {
        Written::Taken => Err(UploadError::Taken),
        Written::Stored { .. } => Ok(Uploaded {
            covered: reader.content.map_or(0, |content| content.covered()),
            length: reader.length,
            lines: reader.lines,
        }),
    }
}

/// Tries an operation of a multipart upload a few times: what was uploaded so far is worth it.
async fn persist<T, F: Future<Output = Result<T, Box<ServiceError>>>>(
    operation: impl Fn() -> F,
) -> Result<T, Box<ServiceError>> {
    let mut tries = 1;
    loop {
        match operation().await {
            Err(failure) if tries < PART_TRIES && !must_begin_anew(&failure) => {
                tokio::time::sleep(PART_PAUSE * tries).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Reads parts on a worker thread and counts what went by.
struct Reader {
    content: Option<Content>,
    part_size: usize,
    counted: u64,
    length: u64,
    lines: u64,
}

impl Reader {
    async fn next(&mut self, workers: &Workers) -> Result<Bytes, UploadError> {
        let Some(mut content) = self.content.take() else { return Ok(Bytes::new()) };
        let len = self.part_size;
        let (content, part) = workers
            .run(move || {
                let part = content.part(len);
                (content, part)
            })
            .await?;
        self.content = Some(content);
        let part = part?;
        let known = self.counted.saturating_sub(self.length).min(part.len() as u64) as usize;
        self.lines += memchr::memchr_iter(b'\n', &part[known..]).count() as u64;
        self.length += part.len() as u64;
        Ok(part.into())
    }
}
