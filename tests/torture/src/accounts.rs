//! Whether what vanished at the source is exactly what the host reported as lost there.
//!
//! What no sink may lack: whatever can still be read. Of a generation that was cut or deleted a sink may lack the end,
//! and then the host owes a report of as many bytes as it can have known of:
//! - it was there, undisturbed, when the file stood still before its end: all of them;
//! - else at least what another sink has, since that was once acknowledged.
//!
//! And it may report no more than the sink does lack, but for what arrived there without its knowledge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::books::{Books, Generation, Id};
use crate::oracle::Has;
use crate::verdict::{Difference, Tally};

/// Within this the host sees what happens to files, and has written down what it saw.
pub const SEES: Duration = Duration::from_millis(2_500);

/// What one sink lacks of one family of files, in bytes.
#[derive(Debug, Default)]
pub struct Account {
    /// All of it.
    missing: u64,
    /// What must have been reported, at least…
    least: u64,
    /// …and at most.
    most: u64,
    /// Where to look.
    shown: Option<(Id, usize)>,
}

impl Account {
    /// Enters one generation. `furthest`: what some sink has for sure.
    pub fn enter(
        &mut self,
        sink: &str,
        id: Id,
        generation: &Generation,
        has: &Has,
        furthest: usize,
        ups: &[(Instant, Instant)],
    ) -> Result<(), Difference> {
        let all = generation.bytes.len();
        let missing = has.missing;
        let piece = generation.pieces.partition_point(|&start| start < has.bytes);
        let Some((_, at)) = generation.ended else {
            return if missing == 0 {
                Ok(())
            } else {
                let detail = format!("never came to sink {sink}, and the file is still there");
                Err(Difference::new("lost", generation.name(), detail).about(id, piece))
            };
        };
        let undisturbed = ups.iter().any(|&(from, to)| from + SEES <= at && to >= at + SEES);
        let known = if undisturbed { generation.size_before(at, SEES).max(furthest) } else { furthest };
        self.missing += missing as u64;
        // What nobody can have seen is the end.
        self.least += missing.saturating_sub(all - known) as u64;
        self.most += (missing + has.unsure) as u64;
        if missing > 0 && self.shown.is_none() {
            self.shown = Some((id, piece));
        }
        Ok(())
    }
}

/// Compares the accounts of each sink and family with the reports.
pub fn balance(
    accounts: &BTreeMap<(&str, u32), Account>,
    books: &Books,
    reports: &BTreeMap<(String, String), u64>,
    tally: &mut Tally,
) -> Result<(), Difference> {
    let families = books.families();
    let mut reported: BTreeMap<(&str, u32), u64> = BTreeMap::new();
    for ((sink, path), bytes) in reports {
        let Some(&family) = families.get(path.as_str()) else {
            let detail = format!("sink {sink} reports {bytes} bytes lost of a file that never was");
            return Err(Difference::new("a report of nobody's", path, detail));
        };
        *reported.entry((sink, family)).or_default() += bytes;
    }
    for (&(sink, family), account) in accounts {
        let said = reported.remove(&(sink, family)).unwrap_or_default();
        tally.gone += account.missing;
        tally.reported += said;
        tally.unseen += account.missing.saturating_sub(said);
        let name =
            || books.generations.range(Id { family, generation: 0 }..).next().map_or("", |it| it.1.name());
        let complain = |what: &str| {
            let mut difference = Difference::new(
                what,
                name(),
                format!(
                    "sink {sink} lacks {} bytes that vanished at the source; the host reports {said}, and must report \
                     {} to {}",
                    account.missing, account.least, account.most
                ),
            );
            difference.about = account.shown;
            Err(difference)
        };
        if said < account.least {
            return complain("lost without a report");
        }
        if said > account.most {
            return complain("reported as lost, and it is not");
        }
    }
    Ok(())
}
