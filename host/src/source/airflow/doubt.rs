//! What a copy lacks of a file that was truncated, where a sink had read it before: it is lost only if that sink does not
//! get it delivered.

use super::Airflow;
use crate::cursor::{Lost, StoreError, StreamId};
use std::time::{Duration, Instant};

/// Counted as lost after this, whatever comes of it: were the host killed meanwhile, nobody would ever count it.
const DOUBT_MOST: Duration = Duration::from_mins(1);

/// Bytes that nobody can read any more, and that a sink has under way.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    lost: Lost,
    since: Instant,
}

/// Bytes that are lost for certain, and others that may be delivered nevertheless.
type Parted = (Vec<Lost>, Vec<Doubt>);

impl Airflow {
    /// Parts what is lost for certain from what looks to come will settle.
    pub(super) fn part(&self, lost: impl Iterator<Item = Lost>) -> Parted {
        let since = Instant::now();
        self.decide(lost.map(|lost| Doubt { lost, since }).collect(), false)
    }

    /// Writes down what is lost for certain by now. `last`: there will be no other look.
    pub(super) async fn settle_doubts(&mut self, last: bool) -> Result<(), StoreError> {
        let (certain, open) = self.decide(self.doubts.clone(), last);
        if !certain.is_empty() {
            let losses = self.store.commit_with_losses(Vec::new(), certain).await?;
            self.say_lost(&losses);
        }
        self.doubts = open;
        Ok(())
    }

    pub(super) fn is_in_doubt(&self, id: StreamId) -> bool {
        self.doubts.iter().any(|doubt| doubt.lost.stream == id)
    }

    fn decide(&self, doubts: Vec<Doubt>, last: bool) -> Parted {
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        for Doubt { mut lost, since } in doubts {
            let under_way = self.listener.under_way(lost.stream, &lost.sink);
            lost.range.start = lost.range.start.max(under_way.start).min(lost.range.end);
            if lost.range.is_empty() {
                continue;
            }
            let may_arrive = !under_way.is_empty() && under_way.end > lost.range.start;
            if may_arrive && !last && since.elapsed() < DOUBT_MOST {
                open.push(Doubt { lost, since });
            } else {
                certain.push(lost);
            }
        }
        (certain, open)
    }
}
