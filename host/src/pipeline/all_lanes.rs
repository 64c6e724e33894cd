//! Passes on what a source sees: to the lanes of every sink, and to whoever else looks after streams.

use super::ends::Ends;
use crate::cursor::{CursorRow, Loss, StreamId};
use crate::lanes::Lanes;
use crate::monitor::Monitor;
use crate::receipt::Notary;
use crate::source::Stream;
use crate::source::airflow::Listener;
use std::ops::Range;
use std::sync::Arc;

/// Passes on to every sink's lanes what a source sees.
pub struct AllLanes {
    /// Of each sink.
    pub lanes: Vec<Arc<Lanes>>,
    /// Seals receipts: a file that it needs is not given up.
    pub notary: Arc<Notary>,
    /// Notices when streams have ended.
    pub ends: Arc<Ends>,
    /// Knows who is ready.
    pub monitor: Arc<Monitor>,
}

impl AllLanes {
    /// Every sink has all of a stream.
    pub fn have_all_of(&self, stream: StreamId) -> bool {
        self.lanes.iter().all(|lanes| lanes.get(stream).is_none_or(|lane| lane.all_committed()))
    }
}

impl Listener for AllLanes {
    fn began(&self, stream: &Arc<Stream>, cursors: &[(String, CursorRow)]) {
        self.lanes.iter().for_each(|lanes| lanes.began(stream, cursors));
        self.ends.grew(stream);
        // Delivered before a restart, and perhaps not sealed: nothing is committed any more that would say so.
        if self.have_all_of(stream.id) {
            self.notary.consider(stream);
        }
    }

    fn changed(&self, stream: &Arc<Stream>) {
        self.lanes.iter().for_each(|lanes| lanes.changed(stream.id));
        self.notary.changed(stream.id);
        self.ends.grew(stream);
    }

    fn looked(&self, source: usize) {
        self.monitor.looked(source);
    }

    fn delivered(&self, stream: StreamId) -> bool {
        self.have_all_of(stream) && !self.notary.holds(stream)
    }

    fn acknowledged(&self, stream: StreamId) -> u64 {
        self.lanes.iter().filter_map(|lanes| Some(lanes.get(stream)?.committed())).max().unwrap_or(0)
    }

    fn under_way(&self, stream: StreamId, sink: &str) -> Range<u64> {
        let lane = self.lanes.iter().find(|lanes| lanes.sink == sink).and_then(|lanes| lanes.get(stream));
        lane.map_or(0..0, |lane| lane.committed()..lane.next().0)
    }

    fn lost(&self, loss: &Loss) {
        self.lanes.iter().filter(|lanes| lanes.sink == loss.sink).for_each(|lanes| lanes.lost(loss));
    }

    fn ended(&self, stream: StreamId) {
        self.lanes.iter().for_each(|lanes| lanes.ended(stream));
        self.ends.forget(stream);
    }
}
