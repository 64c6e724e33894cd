//! Notices when streams have ended: a timer for each that grew lately, and one look at its last words when it is quiet.

use crate::cursor::StreamId;
use crate::lanes::Lanes;
use crate::schedule::Schedule;
use crate::source::fence::SETTLED;
use crate::source::{End, OpenFiles, Stream};
use std::sync::Arc;
use std::time::Instant;

/// Looks after the ends of all streams. What grows with the folder is one timer for each file of the last minutes.
pub struct Ends {
    /// Of each sink.
    lanes: Vec<Arc<Lanes>>,
    files: Arc<OpenFiles>,
    timers: Schedule,
}

impl Ends {
    /// Knows of no stream yet.
    pub fn new(lanes: Vec<Arc<Lanes>>, files: Arc<OpenFiles>) -> Arc<Self> {
        Arc::new(Self { lanes, files, timers: Schedule::default() })
    }

    /// A stream is there, or has grown.
    pub fn grew(&self, stream: &Stream) {
        match stream.end() {
            // Its lanes are awake.
            End::Ended => {}
            End::Unheard => self.timers.wake(stream.id),
            End::Open(until) => self.timers.wake_at(stream.id, until),
        }
    }

    /// The stream is over.
    pub fn forget(&self, stream: StreamId) {
        self.timers.forget(stream);
    }

    /// Looks for as long as it is polled: at one file at a time, so that a start among many takes no sink's places.
    pub async fn run(self: Arc<Self>) {
        loop {
            let id = self.timers.next().await;
            if let Some(stream) =
                self.lanes.iter().find_map(|lanes| lanes.get(id)).map(|it| it.stream.clone())
            {
                self.look(&stream).await;
            }
            self.timers.done(id);
        }
    }

    async fn look(&self, stream: &Arc<Stream>) {
        if stream.end() == End::Unheard {
            let (asked, files) = (stream.clone(), self.files.clone());
            let heard = tokio::task::spawn_blocking(move || asked.hear(&files)).await;
            if !matches!(heard, Ok(Some(_))) {
                // It grows just now, or cannot be read: the source will tell. Each wait is as long as all before it.
                let quiet = stream.snapshot().grew.elapsed().max(SETTLED);
                return self.timers.wake_at(stream.id, Instant::now() + quiet);
            }
        }
        match stream.end() {
            End::Ended => self.lanes.iter().for_each(|lanes| lanes.schedule.wake(stream.id)),
            End::Unheard => self.timers.wake(stream.id),
            End::Open(until) => self.timers.wake_at(stream.id, until),
        }
    }
}
