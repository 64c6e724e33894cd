//! What the system says of this process; where it does not, there is no number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of memory that it has in use. <https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html>
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Files, sockets and the like that it has open.
pub fn open_files() -> Option<u64> {
    // One of them is the folder itself.
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(open.saturating_sub(1))
}

/// Seconds since the Unix epoch.
pub fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
