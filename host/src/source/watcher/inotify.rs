//! inotify over a folder and all that are in it. Folders are known by number and name: their whole paths, and events of
//! each look of ours through them, were most of what a watch over very many cost.

use super::Told;
use crate::source::discover::DATA_DIR_NAME;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of events that are read at once.
const BUFFER: usize = 16 << 10;
/// No path has so many names: what goes on longer is a ring of links.
const MOST_NAMES: usize = 2048;
/// The number of no folder: what lies there was moved away.
const NOWHERE: i32 = -1;

/// What is asked of each folder. Not who opens and closes files: we do.
const CHANGES: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ONLYDIR);
/// Nobody but itself tells of the first one.
const OF_ITSELF: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF);

/// A watch that goes on until it is dropped, or says that it is over.
pub struct Following {
    inotify: Arc<OwnedFd>,
    top: i32,
}

impl Following {
    /// Begins to watch, on a thread of its own that `tell` is called from then on. Where the system lets us watch too few
    /// folders it is an error: what others of our user watch shall not lack what is of little use to us.
    pub fn begin(root: &Path, tell: impl FnMut(Told) + Send + 'static) -> io::Result<Self> {
        let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let top = inotify::add_watch(&inotify, root, CHANGES.union(OF_ITSELF))?;
        let following = Self { inotify: inotify.clone(), top };
        let real_root = fs::canonicalize(root)?;
        let mut tree = Tree {
            inotify,
            root: root.to_owned(),
            real_root,
            top,
            folders: HashMap::new(),
            full: false,
            tell,
        };
        tree.descend(top, root.to_owned());
        if tree.full {
            return Err(Errno::NOSPC.into());
        }
        std::thread::Builder::new().name("updraft-inotify".into()).spawn(move || tree.follow())?;
        Ok(following)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // The thread hears of that, and ends; where it has already, there is nothing to remove.
        let _ = inotify::remove_watch(&self.inotify, self.top);
    }
}

/// A folder below the first one.
struct Folder {
    parent: i32,
    name: Box<OsStr>,
}

struct Tree<T> {
    inotify: Arc<OwnedFd>,
    root: PathBuf,
    real_root: PathBuf,
    top: i32,
    folders: HashMap<i32, Folder>,
    /// The system lets us watch no more of them.
    full: bool,
    tell: T,
}

impl<T: FnMut(Told)> Tree<T> {
    fn follow(mut self) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let inotify = self.inotify.clone();
        let mut events = Reader::new(&*inotify, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    if !self.meet(event.wd(), event.events(), name) {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        (self.tell)(Told::Over);
    }

    /// One event. False: there will be no other, or some were lost, and with them folders perhaps.
    fn meet(&mut self, folder: i32, what: ReadFlags, name: Option<&OsStr>) -> bool {
        if what.contains(ReadFlags::IGNORED) {
            self.folders.remove(&folder);
            return folder != self.top;
        }
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            (self.tell)(Told::Changed(self.root.clone()));
            return false;
        }
        let Some(mut path) = self.path(folder) else {
            // It was moved to where nobody looks.
            let _ = inotify::remove_watch(&self.inotify, folder);
            return true;
        };
        path.extend(name);
        if let (true, Some(name)) = (what.contains(ReadFlags::ISDIR), name) {
            if what.contains(ReadFlags::MOVED_FROM) {
                self.moved_away(folder, name);
            }
            let is_new = what.intersects(ReadFlags::CREATE.union(ReadFlags::MOVED_TO));
            if is_new && let Some(entered) = self.watch(folder, &path, true) {
                self.descend(entered, path.clone());
            }
        }
        (self.tell)(Told::Changed(path));
        true
    }

    /// Watches all folders in one. What is made meanwhile is seen by this look or said by its parent.
    fn descend(&mut self, folder: i32, path: PathBuf) {
        let mut left = vec![(folder, path)];
        while let Some((folder, path)) = left.pop().filter(|_| !self.full) {
            // What cannot be looked into, the look through the folder says.
            for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
                let is_folder = entry
                    .file_type()
                    .is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && self.leads_out(&entry.path())));
                if is_folder && let Some(inner) = self.watch(folder, &entry.path(), false) {
                    left.push((inner, entry.path()));
                }
            }
        }
    }

    /// What a link to something inside leads to is watched under its real name.
    fn leads_out(&self, link: &Path) -> bool {
        fs::canonicalize(link).is_ok_and(|target| !target.starts_with(&self.real_root))
    }

    /// None: it is watched already, or cannot be. `is_here`: where it was known to be before, it is not any more.
    fn watch(&mut self, parent: i32, path: &Path, is_here: bool) -> Option<i32> {
        let name = path.file_name().filter(|&name| name != DATA_DIR_NAME)?;
        let added = match inotify::add_watch(&self.inotify, path, CHANGES) {
            Ok(added) if added != self.top => added,
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return None,
            Err(error) => {
                self.full |= error == Errno::NOSPC;
                (self.tell)(Told::Unwatched(error.into()));
                return None;
            }
        };
        // What stood below a folder that went and came with another number is below nothing that is known.
        let is_here = is_here || (self.folders.contains_key(&added) && self.path(added).is_none());
        let folder = Folder { parent, name: name.into() };
        match self.folders.entry(added) {
            Entry::Occupied(_) if !is_here => return None,
            Entry::Occupied(mut known) => *known.get_mut() = folder,
            Entry::Vacant(free) => {
                free.insert(folder);
            }
        }
        Some(added)
    }

    /// inotify watches a folder wherever it goes. Should it come back, it is found by its number.
    fn moved_away(&mut self, parent: i32, name: &OsStr) {
        let moved = self.folders.values_mut().find(|folder| folder.parent == parent && *folder.name == *name);
        if let Some(folder) = moved {
            folder.parent = NOWHERE;
        }
    }

    fn path(&self, folder: i32) -> Option<PathBuf> {
        let (mut names, mut at) = (Vec::new(), folder);
        while at != self.top {
            let folder = self.folders.get(&at).filter(|_| names.len() < MOST_NAMES)?;
            names.push(&*folder.name);
            at = folder.parent;
        }
        let mut path = self.root.clone();
        path.extend(names.into_iter().rev());
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    fn begin(root: &Path) -> (Following, Receiver<Told>) {
        let (tell, told) = mpsc::channel();
        let following = Following::begin(root, move |it| {
            // A test that is over hears no more.
            let _ = tell.send(it);
        });
        (following.expect("watch"), told)
    }

    /// All that is said up to a change at this place.
    fn up_to(told: &Receiver<Told>, last: &Path) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        while paths.last().is_none_or(|path| path != last) {
            paths.push(changed(told.recv_timeout(Duration::from_mins(1)).expect("a report")));
        }
        paths
    }

    fn changed(told: Told) -> PathBuf {
        match told {
            Told::Changed(path) => path,
            Told::Unwatched(error) => panic!("{error}"),
            Told::Over => panic!("over"),
        }
    }

    #[test]
    fn files_in_folders_made_meanwhile_are_said_and_looks_of_ours_are_not() {
        let root = tempfile::tempdir().expect("folder");
        let deep = root.path().join("dag/run/task");
        fs::create_dir_all(root.path().join("dag")).expect("folder");
        let (_following, told) = begin(root.path());
        fs::create_dir_all(&deep).expect("folder");
        // What is written before its folder is watched, the look finds that follows a new folder.
        let written = || fs::write(deep.join("a.log"), "a line\n").expect("file");
        written();
        while !told.recv_timeout(Duration::from_millis(50)).is_ok_and(|it| changed(it) == deep.join("a.log"))
        {
            written();
        }
        fs::read(deep.join("a.log")).expect("file");
        fs::read_dir(&deep).expect("folder").for_each(drop);
        fs::write(root.path().join("last"), "").expect("file");
        let said = up_to(&told, &root.path().join("last"));
        assert!(said[..said.len() - 1].iter().all(|path| *path == deep.join("a.log")), "{said:?}");
    }

    #[test]
    fn a_folder_that_is_renamed_is_watched_under_its_new_name_and_one_moved_away_is_not() {
        let (root, elsewhere) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let (one, other) = (root.path().join("one"), root.path().join("other"));
        fs::create_dir_all(one.join("deep")).expect("folder");
        let (_following, told) = begin(root.path());
        fs::rename(&one, &other).expect("rename");
        fs::write(other.join("deep/a.log"), "a line\n").expect("file");
        up_to(&told, &other.join("deep/a.log"));
        fs::rename(&other, elsewhere.path().join("one")).expect("rename");
        up_to(&told, &other);
        fs::write(elsewhere.path().join("one/deep/a.log"), "more\n").expect("file");
        fs::write(root.path().join("last"), "").expect("file");
        assert_eq!(up_to(&told, &root.path().join("last")), [root.path().join("last")]);
        // And again as it comes back.
        fs::rename(elsewhere.path().join("one"), &one).expect("rename");
        up_to(&told, &one);
        fs::write(one.join("deep/a.log"), "more\n").expect("file");
        up_to(&told, &one.join("deep/a.log"));
    }

    #[test]
    fn a_link_out_of_the_folder_is_followed_and_our_own_folder_is_left_alone() {
        let (root, outside) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        fs::create_dir_all(root.path().join("scheduler/day")).expect("folder");
        fs::create_dir_all(root.path().join(DATA_DIR_NAME)).expect("folder");
        let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, root.path().join(at)).expect("link");
        link(outside.path(), "out");
        link(&root.path().join("scheduler/day"), "scheduler/latest");
        let back = outside.path().join("back");
        std::os::unix::fs::symlink(outside.path(), back).expect("link");
        let (_following, told) = begin(root.path());
        fs::write(root.path().join(DATA_DIR_NAME).join("cursors"), "").expect("file");
        fs::write(outside.path().join("a.log"), "a line\n").expect("file");
        let said = up_to(&told, &root.path().join("out/a.log"));
        assert!(said.iter().all(|path| *path == root.path().join("out/a.log")), "{said:?}");
        fs::write(root.path().join("scheduler/day/a.log"), "a line\n").expect("file");
        up_to(&told, &root.path().join("scheduler/day/a.log"));
    }

    #[test]
    fn it_is_over_when_it_is_dropped_and_when_the_folder_goes() {
        let root = tempfile::tempdir().expect("folder");
        let (following, told) = begin(root.path());
        drop(following);
        assert!(matches!(told.recv_timeout(Duration::from_mins(1)), Ok(Told::Over)));
        let (_following, told) = begin(root.path());
        root.close().expect("it can be removed");
        assert!(told.iter().any(|it| matches!(it, Told::Over)));
    }
}
