//! inotify says where to look. What it misses, the rescan finds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// The watch over a source's folder, for as long as that is the same folder.
pub struct Watch {
    root: PathBuf,
    report: mpsc::Sender<PathBuf>,
    /// None where it may not be or cannot be had: then there is the rescan.
    watcher: Option<notify::RecommendedWatcher>,
    /// Device and inode of the folder that it was begun on.
    on: Option<(u64, u64)>,
    wanted: bool,
    /// No part of it could not be watched.
    complete: Arc<AtomicBool>,
    /// The folder itself was reported: it was deleted or renamed, perhaps.
    doubtful: bool,
}

impl Watch {
    /// A watch that is not begun. It never is unless `wanted`.
    pub fn new(root: &Path, report: mpsc::Sender<PathBuf>, wanted: bool) -> Self {
        let complete = Arc::new(AtomicBool::new(true));
        Self { root: root.to_owned(), report, watcher: None, on: None, wanted, complete, doubtful: false }
    }

    /// Begins to watch where there is a folder, and begins anew where it is another by now.
    pub fn keep(&mut self) {
        if !self.wanted {
            return;
        }
        // It may come later than we do, and more than once.
        let there = fs::metadata(&self.root).ok().filter(fs::Metadata::is_dir);
        let there = there.map(|metadata| (metadata.dev(), metadata.ino()));
        if there == self.on && !self.doubtful {
            return;
        }
        self.doubtful = false;
        self.on = there;
        self.watcher = there.and_then(|_| self.start());
    }

    /// Whether all of the folder is watched, as far as is known.
    pub fn is_complete(&self) -> bool {
        self.watcher.is_some() && self.complete.load(Ordering::Acquire)
    }

    /// Takes note of a report.
    pub fn reported(&mut self, path: &Path) {
        self.doubtful |= path == self.root;
    }

    fn start(&mut self) -> Option<notify::RecommendedWatcher> {
        use notify::{EventKind, RecursiveMode, Watcher};
        let (report, root) = (self.report.clone(), self.root.clone());
        let (mut said, complete) = (false, self.complete.clone());
        complete.store(true, Ordering::Release);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if !matches!(event.kind, EventKind::Access(_)) => {
                for path in event.paths {
                    // A full queue is no loss: the rescan finds what was not said.
                    let _ = report.try_send(path);
                }
            }
            Err(error) if !said => {
                said = true;
                complete.store(false, Ordering::Release);
                tracing::warn!(folder = %root.display(), "cannot be watched everywhere ({error}); the rest is looked through at intervals only");
            }
            Ok(_) | Err(_) => {}
        });
        let started = watcher.and_then(|mut watcher| {
            watcher.watch(&self.root, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        match started {
            Ok(watcher) => Some(watcher),
            // Deleted since we looked.
            Err(error) if is_missing(&error) => {
                self.on = None;
                None
            }
            Err(error) => {
                tracing::warn!(folder = %self.root.display(), "cannot be watched ({error}); it is looked through every `rescan_secs` only");
                // Said once, and then left at that.
                self.wanted = false;
                None
            }
        }
    }
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Makes a folder with a file, and waits until the file is reported.
    async fn reports(watch: &mut Watch, reports: &mut mpsc::Receiver<PathBuf>, file: &Path) {
        fs::write(file, "a line\n").expect("it can be written");
        let reported = async {
            while let Some(path) = reports.recv().await {
                watch.reported(&path);
                if path == file {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), reported).await.expect("a report");
    }

    #[tokio::test]
    async fn a_folder_that_is_removed_and_made_again_is_watched_again() {
        let above = tempfile::tempdir().expect("folder");
        let root = above.path().join("logs");
        let (report, mut reported) = mpsc::channel(1000);
        let mut watch = Watch::new(&root, report, true);
        // Not there yet.
        watch.keep();
        for round in 0..3 {
            fs::create_dir_all(root.join("dag")).expect("it can be made");
            watch.keep();
            reports(&mut watch, &mut reported, &root.join("dag").join(format!("{round}.log"))).await;
            fs::remove_dir_all(&root).expect("it is there");
            // Whether somebody looks in between or not.
            if round == 1 {
                watch.keep();
                continue;
            }
            while let Some(path) = reported.recv().await {
                watch.reported(&path);
                if path == root {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_folder_that_shall_not_be_watched_is_not() {
        let root = tempfile::tempdir().expect("folder");
        let (report, mut reported) = mpsc::channel(1000);
        let mut watch = Watch::new(root.path(), report, false);
        watch.keep();
        fs::write(root.path().join("a.log"), "a line\n").expect("it can be written");
        assert!(watch.watcher.is_none());
        drop(watch);
        assert_eq!(reported.recv().await, None);
    }
}
