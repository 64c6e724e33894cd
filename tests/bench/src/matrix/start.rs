//! How long a start takes with compiled components: from the process to the first put, which has been read, made, packed
//! and signed by then. So the first read is earlier than that.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Figures;
use crate::corpus::path_of;
use crate::endpoint::PROBE;
use crate::process::{Running, until, write};
use crate::setting::Setting;
use crate::table::{Figure, Goal};

const LAPS: usize = 7;
const PATIENCE: Duration = Duration::from_mins(1);

/// The figure of it.
pub fn start(setting: &Setting) -> Figures {
    let logs = setting.place.join("start/logs");
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    let line = format!("[{now}+0000] {{load.py:7}} INFO - {PROBE}1\n");
    write(&logs.join(path_of(0)), line.as_bytes())?;
    let pipeline = setting.pipeline(&logs, "", &setting.cloudwatch("json", ""));
    // Compiles what is not compiled yet.
    setting.once(&pipeline)?;
    let mut took = Vec::new();
    for _ in 0..LAPS {
        setting.endpoint.take_books()?;
        let command = setting.updraft(&pipeline, &["--once"])?;
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let running = Running::start(command)?;
        let mut at = None;
        until("the first put", PATIENCE, || {
            at = setting.endpoint.books()?.probes.first().map(|probe| probe.ns);
            Ok(at.is_some())
        })?;
        drop(running);
        took.extend(at.map(|ns| ns.saturating_sub(begun.as_nanos() as u64) as f64 / 1e6));
    }
    let what = "start with a warm cache, to the first put (its read is before it)";
    Ok(vec![Figure::of(what, took, "ms", Goal::AtMost(100.0))])
}
