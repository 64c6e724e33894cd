//! What came of an upload, and why an object was not written.

use super::content::Place;
use crate::cursor::{Gain, StoreError};
use crate::sink::service_error::ServiceError;
use crate::transform::WorkerGone;
use std::time::Instant;

/// What came of writing an object.
pub enum Done {
    /// The object is there.
    Stored(Uploaded),
    /// There is nothing whole that the object lacks, until then at least; none: until the file grows.
    Nothing { until: Option<Instant> },
}

/// What a chain has to add to an object.
pub enum News {
    /// Bytes.
    Bytes,
    /// Nothing, though it goes up to that place: all was dropped.
    Dropped(Place),
    /// Nothing whole, until then at least; none: until the file grows.
    None { until: Option<Instant> },
}

/// An object that was written.
pub struct Uploaded {
    pub key: String,
    /// Up to which place of the file it holds it.
    pub place: Place,
    /// Bytes.
    pub length: u64,
    /// What is new in it.
    pub gain: Gain,
}

/// Why an object was not written.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// By somebody else.
    #[error("every key that this file may have is taken by others")]
    Taken,
    /// What was written down of the upload is worth nothing any more, and is forgotten.
    #[error("an upload could not be completed: {0}; it is begun anew")]
    Anew(String),
    /// What the object holds already can only be sent again.
    #[error("what an object holds cannot be copied: {0}")]
    NotCopied(Box<ServiceError>),
    /// The service said no.
    #[error(transparent)]
    Service(#[from] Box<ServiceError>),
    /// The file can't be read, or a guest halts.
    #[error(transparent)]
    Source(#[from] std::io::Error),
    /// A worker ended: a bug of ours.
    #[error(transparent)]
    Worker(#[from] WorkerGone),
    /// An upload cannot be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More than S3 takes.
    #[error("{0} bytes are more than an object of S3 can hold")]
    TooLarge(u64),
}
