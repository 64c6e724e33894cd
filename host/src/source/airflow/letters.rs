//! What is different in a source of dead letters: we write its files ourselves, and delete what its sink has.

use super::Airflow;
use crate::cursor::{LossReason, StoreError};
use crate::source::Stream;
use std::io;

impl Airflow {
    /// Before a look: what was kept for long enough becomes files to be found; with `all` everything.
    pub(super) async fn hand_over(&self, all: bool) {
        if let Some(letters) = self.letters.clone() {
            // A panic in there is a bug of ours; the next look tries again.
            let _ = tokio::task::spawn_blocking(move || letters.hand_over(all)).await;
        }
    }

    /// After a look: deletes what its sink has.
    pub(super) async fn remove_delivered(&mut self) -> Result<(), StoreError> {
        let Some(letters) = self.letters.clone() else { return Ok(()) };
        let known = self.known.values().map(|known| known.stream.clone());
        let delivered: Vec<_> = known.filter(|stream| self.listener.delivered(stream.id)).collect();
        for stream in delivered {
            match remove(&stream) {
                Ok(()) => self.vanished(stream.id, LossReason::Deleted).await?,
                Err(error) => letters.complain(&format!(
                    "were delivered, but {} cannot be deleted: {error}; will be tried again",
                    stream.place().display()
                )),
            }
        }
        self.bury().await
    }
}

/// Deletes a segment of dead letters that its sink has.
pub fn remove(stream: &Stream) -> io::Result<()> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    let place = stream.place();
    match std::fs::metadata(&place) {
        // We never add to one; should somebody else have, the sink has not all of it.
        Ok(metadata) if metadata.len() > stream.snapshot().size => {
            Err(io::Error::other("somebody wrote into it"))
        }
        Ok(_) => std::fs::remove_file(&place).or_else(gone),
        Err(error) => gone(error),
    }
}
