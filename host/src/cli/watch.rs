//! `updraft run --watch`: sees when the config file is another by now, or a component that it names.
//!
//! inotify, on the folders, since files are replaced by renames and Kubernetes turns a link to a new folder, only says
//! when to look. What it misses is found by looking every few seconds.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};
use updraft::config::{Component, Config};

/// A change counts when nothing more has changed for so long: files are written in pieces, and several belong together.
const QUIET: Duration = Duration::from_millis(500);
/// So often they are looked at whatever inotify says.
const LOOK: Duration = Duration::from_secs(3);
/// The folders may be busy with other files: no look so soon after another.
const BREATH: Duration = Duration::from_millis(100);
/// The times of a file are as coarse as a clock tick: what is younger is read each time.
const YOUNG: Duration = Duration::from_secs(2);

/// Files that are watched.
pub struct Watch {
    config: PathBuf,
    seen: BTreeMap<PathBuf, Seen>,
    folders: BTreeSet<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    hints: Receiver<()>,
}

/// What a file was at the last look.
#[derive(Clone, Default)]
struct Seen {
    /// Device, inode, size and the times of its last changes.
    shape: Option<[i64; 7]>,
    /// Of its bytes; none: it cannot be read.
    hash: Option<[u8; 32]>,
    /// Its times are old enough to be believed.
    settled: bool,
}

impl Watch {
    /// Over a config file; over components from [`Watch::also`] on.
    pub fn new(config: &Path) -> Self {
        // One hint is as good as many.
        let (hint, hints) = mpsc::sync_channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !matches!(event.kind, notify::EventKind::Access(_))) {
                let _ = hint.try_send(());
            }
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!("no inotify ({error}): config and components are looked at every {LOOK:?}");
        });
        let seen = BTreeMap::from([(config.to_owned(), Seen::default())]);
        Self { config: config.to_owned(), seen, folders: BTreeSet::new(), watcher: watcher.ok(), hints }
    }

    /// The config names these components by now. What they are is seen here: what is read after this is that, or newer.
    pub fn also(&mut self, config: &Config) {
        let named = config.components().filter_map(|transform| match &transform.component {
            Component::Path(path) => Some(path),
            Component::Builtin(_) => None,
        });
        let files: BTreeSet<&PathBuf> = named.chain([&self.config]).collect();
        let seen = |path: &PathBuf| self.seen.get(path).cloned().unwrap_or_else(|| look(path, None));
        self.seen = files.into_iter().map(|path| (path.clone(), seen(path))).collect();
    }

    /// Blocks until some file holds something else than at the last time, and then until all are quiet. At the first time
    /// the config is new.
    pub fn changed(&mut self) {
        self.keep_watch();
        while !self.look_at_all() {
            if self.hints.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
                thread::sleep(LOOK);
            }
            thread::sleep(BREATH);
            self.keep_watch();
        }
        thread::sleep(QUIET);
        while self.look_at_all() {
            thread::sleep(QUIET);
        }
    }

    /// Whether some file is another.
    fn look_at_all(&mut self) -> bool {
        let mut other = false;
        for (path, seen) in &mut self.seen {
            let now = look(path, Some(seen));
            other |= now.hash != seen.hash;
            *seen = now;
        }
        other
    }

    /// Watches the folders that the files are in, those that links lead to included.
    fn keep_watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let real = self.seen.keys().filter_map(|file| fs::canonicalize(file).ok());
        let absolute = self.seen.keys().filter_map(|file| std::path::absolute(file).ok());
        let folders: BTreeSet<PathBuf> =
            real.chain(absolute).filter_map(|file| Some(file.parent()?.to_owned())).collect();
        for left in self.folders.difference(&folders) {
            // It is gone, perhaps.
            let _ = watcher.unwatch(left);
        }
        // Again each time: it may be another folder under the same name. Where that fails there is the next look.
        for folder in &folders {
            let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
        }
        self.folders = folders;
    }
}

/// What a file is now; read only where it may have changed since the last look.
fn look(path: &Path, before: Option<&Seen>) -> Seen {
    let about = fs::metadata(path).ok();
    let shape = about.as_ref().map(|it| {
        let size = i64::try_from(it.size()).unwrap_or(i64::MAX);
        let [device, inode] = [it.dev(), it.ino()].map(u64::cast_signed);
        [device, inode, size, it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()]
    });
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let settled = about.is_some_and(|it| {
        let changed = Duration::from_secs(u64::try_from(it.ctime()).unwrap_or(0));
        now.checked_sub(changed).is_some_and(|age| age > YOUNG)
    });
    let hash = match before {
        Some(before) if before.shape == shape && before.settled => before.hash,
        _ => fs::read(path).ok().map(|bytes| Sha256::digest(bytes).into()),
    };
    Seen { shape, hash, settled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A watch that has seen how things are, on a thread of its own; it tells of each change.
    fn watch(file: &Path, inotify: bool) -> Receiver<()> {
        let (tell, told) = mpsc::channel();
        let mut watch = Watch::new(file);
        watch.watcher = watch.watcher.filter(|_| inotify);
        thread::spawn(move || {
            loop {
                watch.changed();
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        told.recv_timeout(Duration::from_mins(1)).unwrap();
        told
    }

    #[track_caller]
    fn has_changed(told: &Receiver<()>) {
        told.recv_timeout(Duration::from_mins(1)).expect("a change");
    }

    #[test]
    fn a_file_that_is_written_replaced_deleted_or_linked_elsewhere_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(at(name), text).unwrap();
        write("config.yaml", "1");
        let told = watch(&at("config.yaml"), true);
        write("config.yaml", "2");
        has_changed(&told);
        write("new", "3");
        fs::rename(at("new"), at("config.yaml")).unwrap();
        has_changed(&told);
        fs::remove_file(at("config.yaml")).unwrap();
        has_changed(&told);

        // As Kubernetes does with a ConfigMap.
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
            write(&format!("{version}/config.yaml"), version);
        }
        symlink("v1", at("data")).unwrap();
        symlink("data/config.yaml", at("config.yaml")).unwrap();
        has_changed(&told);
        symlink("v2", at("data.new")).unwrap();
        fs::rename(at("data.new"), at("data")).unwrap();
        has_changed(&told);
    }

    #[test]
    fn without_inotify_a_change_is_found_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, "1").unwrap();
        let told = watch(&file, false);
        fs::write(&file, "2").unwrap();
        has_changed(&told);
    }

    #[test]
    fn a_file_of_the_same_bytes_has_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, "1").unwrap();
        let mut watch = Watch::new(&file);
        assert!(watch.look_at_all());
        fs::write(folder.path().join("new"), "1").unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
        assert!(!watch.look_at_all());
        fs::write(&file, "2").unwrap();
        assert!(watch.look_at_all());
    }
}
