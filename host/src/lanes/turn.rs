//! A turn of one lane: batch after batch is read, transformed and handed to the sink, and what comes of that.

use super::{Lanes, Plan, Taken};
use crate::event::NotHere;
use crate::lane::Lane;
use crate::sink::EventSink;
use crate::sink::complaint::Complaint;
use crate::transform::{Halted, Step, Workers};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How much of a stream is taken before the others have their turns: what was begun is filled up, so that puts are full
/// and few of them half full.
const TURN_BYTES: u64 = 4 << 20;
/// In a turn that takes longer, as with a component that fails on many lines, cursors are written down so often: whoever
/// waits for a run to move sees that it does.
const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// How long one waits that finds none of these free.
const SICK_PAUSE: Duration = Duration::from_millis(200);
/// How long a lane pauses that a guest, a disk or a file keeps from going on.
const PAUSE: Duration = Duration::from_secs(2);

/// What came of a turn.
enum Turned {
    /// A batch of so many bytes was taken: the next can be at once.
    More(u64),
    /// Nothing can be now; whatever has to wakes the lane.
    Over,
    /// The sink has no room, and wakes the lane.
    Refused,
}

/// The file is not there, or not as it was.
fn vanished(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::StaleNetworkFileHandle)
}

impl Lanes {
    /// Batch after batch of one lane, until it is the turn of others.
    pub(super) async fn whole_turn<S: EventSink>(&self, lane: &Arc<Lane>, sink: &Arc<S>, workers: &Workers) {
        let (mut taken, mut written) = (lane.of_turn(), Instant::now());
        let over = loop {
            match self.turn(lane, sink, workers).await {
                Turned::Refused => break false,
                Turned::Over => break true,
                Turned::More(bytes) => taken += bytes,
            }
            lane.set_of_turn(taken);
            if sink.takes_again() && written.elapsed() >= COMMIT_EVERY {
                self.commit(std::slice::from_ref(lane)).await;
                written = Instant::now();
            }
            if taken >= TURN_BYTES {
                self.schedule.wake(lane.stream.id);
                break true;
            }
        };
        if sink.takes_again() {
            self.commit(std::slice::from_ref(lane)).await;
        }
        if over {
            lane.set_of_turn(0);
            sink.turn_over(lane);
        }
    }

    /// One batch of one lane: read and transformed and handed to the sink on a worker thread.
    async fn turn<S: EventSink>(&self, lane: &Arc<Lane>, sink: &Arc<S>, workers: &Workers) -> Turned {
        let (offset, clock) = lane.next();
        let Some(chain) = lane.chain.clone() else { return Turned::Over };
        if offset >= lane.stream.snapshot().size || self.broken() {
            return Turned::Over;
        }
        if !sink.has_room(lane) {
            return Turned::Refused;
        }
        let failing = chain.is_sick() || sink.naming().is_sick();
        let _sick_place = match self.sick_places.try_acquire() {
            _ if !failing => None,
            Ok(place) => Some(place),
            Err(_) => {
                self.schedule.wake_at(lane.stream.id, Instant::now() + SICK_PAUSE);
                return Turned::Over;
            }
        };
        let takes_again = sink.takes_again();
        let (lane_there, sink, notary) = (lane.clone(), sink.clone(), self.notary.clone());
        let closing = self.closing() || lane.hurried(offset);
        let outcome = workers
            .run_apart(failing, move || {
                let (step, taken) = loop {
                    let named_by = sink.naming().generation();
                    let step = match sink.plan(&lane_there, offset) {
                        Plan::Free => chain.step(&lane_there.stream, offset, clock, closing),
                        Plan::Again(recipe) => match chain.remake(&lane_there.stream, &recipe) {
                            // The components are others by now, and make no such batch.
                            Step::End => {
                                sink.give_up_plan(&lane_there, offset);
                                continue;
                            }
                            step => step,
                        },
                        Plan::UpTo(end) => chain.step_up_to(&lane_there.stream, offset, clock, end),
                    };
                    let Step::Batch(batch) = &step else { break (step, None) };
                    let names = sink.naming().of_batch(&lane_there, batch);
                    // Labels of the transforms of before are not for the router of now.
                    if sink.naming().generation() != named_by {
                        continue;
                    }
                    let taken = sink.take(&lane_there, batch, &names).map(|taken| (taken, names.not_here));
                    if matches!(taken, Ok((Taken::Done { .. } | Taken::UnderWay, _))) {
                        notary.pass(lane_there.stream.id, batch.range.start, &batch.bytes);
                    }
                    break (step, Some(taken));
                };
                (step, taken)
            })
            .await;
        let Ok((step, taken)) = outcome else {
            tracing::error!(sink = %self.sink, path = %lane.stream.origin.path, "a worker failed on a batch; will try again");
            self.schedule.wake_at(lane.stream.id, Instant::now() + PAUSE);
            return Turned::Over;
        };
        self.after(lane, step, taken, takes_again).await
    }

    /// `takes_again`: the sink's cursors are written down when the turn is over.
    async fn after(
        &self,
        lane: &Arc<Lane>,
        step: Step,
        taken: Option<std::io::Result<(Taken, NotHere)>>,
        takes_again: bool,
    ) -> Turned {
        let (id, path) = (lane.stream.id, &lane.stream.origin.path);
        match (step, taken) {
            (Step::Batch(batch), Some(Ok((taken, not_here)))) => {
                let begun = match &taken {
                    Taken::Done { tally, .. } => lane.begin(&batch, 0, tally.clone()).is_some(),
                    Taken::UnderWay => true,
                    Taken::Stale => false,
                };
                if begun {
                    self.count(lane, &batch, &not_here);
                }
                if let (true, Taken::Done { events, target, .. }) = (begun, taken) {
                    self.counters.delivered.add(events);
                    if let Some((target, written)) = target {
                        lane.set_target(target, written);
                    }
                    if !takes_again {
                        self.commit(std::slice::from_ref(lane)).await;
                    }
                    self.out_of_trouble();
                }
                if begun {
                    let bytes = batch.range.end - batch.range.start;
                    if let Some(chain) = &lane.chain {
                        chain.done_with(batch);
                    }
                    return Turned::More(bytes);
                }
                self.schedule.wake(id);
            }
            (_, Some(Err(error))) if error.kind() == ErrorKind::BrokenPipe => {
                if !self.broken.swap(true, Ordering::AcqRel) {
                    tracing::error!(sink = %self.sink, "nobody reads its output any more: {error}; it gets nothing from now on");
                }
            }
            (_, Some(Err(error))) => {
                self.in_trouble(&format!("cannot be written: {error}"));
                if lane.first_time(Complaint::SINK_IO) {
                    tracing::error!(sink = %self.sink, path = %path, "cannot be written: {error}; will be tried again every {PAUSE:?}");
                }
                self.schedule.wake_at(id, Instant::now() + PAUSE);
            }
            (Step::Wait { until: Some(at) }, _) => self.schedule.wake_at(id, at),
            (Step::Wait { until: None } | Step::End | Step::Batch(_), _) => {}
            (Step::Elsewhere, _) => self.schedule.wake(id),
            (Step::Halt(halted), _) => self.halted(lane, &halted),
            (Step::Unreadable(error), _) => self.unreadable(lane, &error).await,
        }
        Turned::Over
    }

    /// What could not be read will not be, in this run at least.
    pub fn is_lost(&self, lane: &Lane, error: &std::io::Error) -> bool {
        vanished(error) && (self.closing() || lane.stream.snapshot().gone)
    }

    /// The stream waits for a component. Who failed on what is said by then.
    fn halted(&self, lane: &Lane, halted: &Halted) {
        self.in_trouble(&format!("{} {halted}", lane.stream.origin.path));
        self.schedule.wake_at(lane.stream.id, halted.until.unwrap_or_else(|| Instant::now() + PAUSE));
    }

    /// The rest of the stream is gone, or cannot be read just now.
    pub async fn unreadable(&self, lane: &Arc<Lane>, error: &std::io::Error) {
        if let Some(halted) = error.get_ref().and_then(|inner| inner.downcast_ref::<Halted>()) {
            return self.halted(lane, halted);
        }
        let path = &lane.stream.origin.path;
        let gone = lane.stream.snapshot().gone;
        if vanished(error) && gone {
            lane.give_up_rest();
            return self.commit(std::slice::from_ref(lane)).await;
        }
        // While the source still looks after the file, a rename away and back is no loss: it knows when one is. What is
        // held open may be what was there before a volume was mounted anew.
        if vanished(error) {
            self.files.reopen(lane.stream.id);
        }
        let stale = error.kind() == ErrorKind::StaleNetworkFileHandle;
        if vanished(error) && !stale && self.closing() {
            tracing::warn!(sink = %self.sink, path = %path, "cannot be found any more: {error}; the next run sees what became of it");
            lane.abandon();
            return self.progress.notify_waiters();
        }
        self.in_trouble(&format!("{path} cannot be read: {error}"));
        if !vanished(error) && lane.first_time(Complaint::SOURCE_IO) {
            tracing::error!(sink = %self.sink, path = %path, "cannot be read: {error}; will be tried again every {PAUSE:?}");
        }
        self.schedule.wake_at(lane.stream.id, Instant::now() + PAUSE);
    }
}
