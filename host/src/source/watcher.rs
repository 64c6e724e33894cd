//! inotify says where to look. What it misses, the rescan finds.

use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// None where the system can't: then there is the rescan.
pub fn start(root: &Path, report: mpsc::Sender<PathBuf>) -> Option<notify::RecommendedWatcher> {
    use notify::{EventKind, RecursiveMode, Watcher};
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if !matches!(event.kind, EventKind::Access(_)) {
            for path in event.paths {
                // A full queue is no loss: the rescan finds what was not said.
                let _ = report.try_send(path);
            }
        }
    });
    let started = watcher.and_then(|mut watcher| {
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    started
        .inspect_err(|error| {
            tracing::warn!(folder = %root.display(), "cannot be watched ({error}); it is looked through at intervals only");
        })
        .ok()
}
