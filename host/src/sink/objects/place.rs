//! Where objects of many events are put: a bucket, or a folder on local disk.

use super::shape::Shape;
use crate::config::Env;
use crate::event::{DEFAULT_LABEL, Origin};
use crate::route;
use crate::route::template::Names;
use crate::sink::generation;
use crate::sink::retry::Verdict;
use crate::sink::s3::client::{Client, Precondition, Written};
use crate::sink::s3::settings::ObjectSettings;
use crate::sink::service_error::{Fault, ServiceError};
use crate::transform::Workers;
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Where to.
pub enum Place {
    /// A bucket.
    Bucket {
        /// Of its account and region.
        client: Client,
        /// Stands before every key.
        prefix: String,
        /// For templates.
        env: Env,
    },
    /// A folder.
    Folder {
        /// Perhaps not there yet.
        path: PathBuf,
        /// Threads that a disk may hold up.
        workers: Arc<Workers>,
    },
}

/// Why an object is not there.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The service said no.
    #[error(transparent)]
    Service(#[from] Box<ServiceError>),
    /// The disk did.
    #[error("{path} cannot be written: {error}; it will be tried again")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: Error,
    },
}

impl PlaceError {
    /// What makes it the same trouble as another.
    pub fn gist(&self) -> String {
        match self {
            Self::Service(failure) => format!("{} {:?}", failure.action, failure.code),
            Self::Disk { error, .. } => error.kind().to_string(),
        }
    }

    /// What sort of failure it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Service(failure) => failure.fault(),
            Self::Disk { .. } => Fault::Other,
        }
    }

    /// Whether to try again soon or slowly; nothing is ever given up.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Service(failure) if failure.verdict != Verdict::Reject => failure.verdict,
            Self::Service(_) => Verdict::RetrySlowly,
            Self::Disk { .. } => Verdict::Retry,
        }
    }
}

impl Place {
    /// Where an object of that folder and name is.
    pub fn key(&self, folder: &str, name: &str) -> String {
        let whole = format!("{folder}/{name}");
        match self {
            Self::Bucket { prefix, .. } => route::object_key(prefix, &whole),
            Self::Folder { .. } => generation::file_name(&route::object_key("", &on_disk(&whole))),
        }
    }

    /// What receipts call an object.
    pub fn target(&self, key: &str) -> String {
        match self {
            Self::Bucket { client, .. } => format!("s3://{}/{key}", client.bucket()),
            Self::Folder { path, .. } => {
                let file = path.join(key);
                std::path::absolute(&file).unwrap_or(file).display().to_string()
            }
        }
    }

    /// Puts an object. One that is there already is ours, from before an answer was lost or we were killed: its name is
    /// no other's, and what it holds was written down before. It is left as it is, and the answer is false. `origin`: the
    /// stream of its first event.
    pub async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        shape: &Shape,
        origin: &Origin,
    ) -> Result<bool, PlaceError> {
        match self {
            Self::Bucket { client, env, .. } => {
                let objects = client.objects();
                let mut settings =
                    ObjectSettings::new(objects, shape.content_type(), shape.content_encoding());
                // What the stream lacks is left out.
                settings.describe(objects, &Names { origin, label: DEFAULT_LABEL, env });
                let written = client.put_object(key, bytes.into(), &settings, Precondition::Absent).await?;
                Ok(written != Written::Taken)
            }
            Self::Folder { path, workers } => {
                let below = Path::new(key);
                let file = path.join(below);
                let disk = |error| PlaceError::Disk { path: file.clone(), error };
                if !below.components().all(|part| matches!(part, Component::Normal(_))) {
                    return Err(disk(Error::new(
                        ErrorKind::InvalidInput,
                        "the name leads out of the folder",
                    )));
                }
                let whole = file.clone();
                let written = workers.run(move || write(&whole, &bytes)).await;
                written.unwrap_or_else(|gone| Err(Error::other(gone))).map_err(disk)
            }
        }
    }
}

/// No name of a folder is one of those that lead elsewhere, or one that no disk takes, whatever a template prints.
pub fn on_disk(name: &str) -> String {
    let part = |part: &str| match part {
        "." | ".." => "_".repeat(part.len()),
        _ => part.replace('\0', "_"),
    };
    name.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Under a name that nobody looks for until it is whole. False: it is there already.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    if file.try_exists()? {
        return Ok(false);
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let mut open = File::create(&partial)?;
    open.write_all(bytes)?;
    open.sync_data()?;
    fs::rename(&partial, file)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("date=x/1.ndjson");
        assert!(write(&file, b"all of it").expect("a disk"));
        assert!(!write(&file, b"less").expect("a disk"));
        assert_eq!(fs::read(&file).expect("a file"), b"all of it");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        assert_eq!(on_disk("dag=../../..//.\0./x..y"), "dag=../__/__//._./x..y");
    }
}
