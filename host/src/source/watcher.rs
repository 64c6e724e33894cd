//! inotify says where to look. What it misses, the rescan finds.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod inotify;

#[cfg(not(target_os = "linux"))]
use elsewhere::Following;
#[cfg(target_os = "linux")]
use inotify::Following;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// What is said of a folder that is watched.
enum Told {
    /// Something at this place, or in this folder.
    Changed(PathBuf),
    /// A part of it cannot be watched.
    Unwatched(io::Error),
    /// Nothing more will be said: the folder is gone, or more happened than could be said.
    Over,
}

/// The watch over a source's folder, for as long as that is the same folder.
pub struct Watch {
    root: PathBuf,
    report: mpsc::Sender<PathBuf>,
    /// None where it may not be or cannot be had: then there is the rescan.
    watcher: Option<Following>,
    /// Device and inode of the folder that it was begun on.
    on: Option<(u64, u64)>,
    wanted: bool,
    /// No part of it could not be watched, and it is not over.
    complete: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    /// Reports found no room.
    missed: Arc<AtomicBool>,
    /// The folder itself was reported: it was deleted or renamed, perhaps.
    doubtful: bool,
}

impl Watch {
    /// A watch that is not begun. It never is unless `wanted`.
    pub fn new(root: &Path, report: mpsc::Sender<PathBuf>, wanted: bool) -> Self {
        let (complete, over) = (Arc::new(AtomicBool::new(true)), Arc::default());
        Self {
            root: root.to_owned(),
            report,
            watcher: None,
            on: None,
            wanted,
            complete,
            over,
            missed: Arc::default(),
            doubtful: false,
        }
    }

    /// Begins to watch where there is a folder, and begins anew where it is another by now.
    pub fn keep(&mut self) {
        if !self.wanted {
            return;
        }
        // It may come later than we do, and more than once.
        let there = fs::metadata(&self.root).ok().filter(fs::Metadata::is_dir);
        let there = there.map(|metadata| (metadata.dev(), metadata.ino()));
        if there == self.on && !self.doubtful && !self.over.load(Ordering::Acquire) {
            return;
        }
        self.doubtful = false;
        self.on = there;
        // What is watched counts against a limit of the system, twice while there are two watches.
        self.watcher = None;
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

    /// Whether something was not reported since this was last asked: only a rescan finds it.
    pub fn has_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }

    fn start(&mut self) -> Option<Following> {
        let (report, root) = (self.report.clone(), self.root.clone());
        let mut said = false;
        // Its own, since the watch before this may say a last word yet.
        (self.complete, self.over) = (Arc::new(AtomicBool::new(true)), Arc::default());
        let (complete, over, missed) = (self.complete.clone(), self.over.clone(), self.missed.clone());
        let following = Following::begin(&self.root, move |told| match told {
            Told::Changed(path) => {
                if report.try_send(path).is_err() {
                    missed.store(true, Ordering::Release);
                }
            }
            Told::Unwatched(error) => {
                complete.store(false, Ordering::Release);
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(folder = %root.display(), "cannot be watched everywhere ({error}); the rest is looked through at intervals only");
                }
            }
            Told::Over => {
                complete.store(false, Ordering::Release);
                over.store(true, Ordering::Release);
            }
        });
        match following {
            Ok(following) => Some(following),
            // Deleted since we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
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
    async fn what_finds_no_room_among_the_reports_is_missed_and_that_is_known() {
        let root = tempfile::tempdir().expect("folder");
        let (report, mut reported) = mpsc::channel(1);
        let mut watch = Watch::new(root.path(), report, true);
        watch.keep();
        assert!(!watch.has_missed());
        let written = async {
            while !watch.has_missed() {
                fs::write(root.path().join("a.log"), "a line\n").expect("it can be written");
                fs::write(root.path().join("b.log"), "a line\n").expect("it can be written");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), written).await.expect("there is room for one");
        assert!(reported.recv().await.is_some());
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
