//! Finds the files below a log folder, each once and under its real name, whatever symlinks lie around.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// The folder of cursors, by default below the log folder itself: never looked into.
pub const DATA_DIR_NAME: &str = ".updraft";

/// Which files below a folder are streams.
#[derive(Debug, Clone)]
pub struct Discovery {
    root: PathBuf,
    include: GlobSet,
    exclude: GlobSet,
    /// Folders below which nothing can match.
    closed: GlobSet,
}

/// A file that is a stream.
#[derive(Debug)]
pub struct Found {
    /// Where to open it.
    pub abs: PathBuf,
    /// Its path below the root, as [`rel_of`] writes it.
    pub rel: String,
    /// As it was when it was found.
    pub metadata: Metadata,
}

/// What one look through the folder brought.
#[derive(Debug, Default)]
pub struct Scan {
    /// The files, ordered by `rel`.
    pub files: Vec<Found>,
    /// Folders and links that could not be looked at. The root too, when it is not there.
    pub unreadable: Vec<(PathBuf, io::Error)>,
    /// How many of the files have names that are not UTF-8.
    pub not_utf8: usize,
}

/// Compiles one pattern: `*` and `?` stay within a folder, `**` does not.
pub fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

/// A path below the root as text, never the same for two paths: each byte that is not UTF-8 becomes `\xE9` (its own
/// number), and so does a backslash that could be taken for the beginning of such.
pub fn rel_of(below: &Path) -> String {
    let mut rel = String::with_capacity(below.as_os_str().len());
    for chunk in below.as_os_str().as_bytes().utf8_chunks() {
        let text = chunk.valid();
        for (at, char) in text.char_indices() {
            if is_escape(&text.as_bytes()[at..]) {
                rel.push_str(r"\x5C");
            } else {
                rel.push(char);
            }
        }
        rel.extend(chunk.invalid().iter().map(|byte| format!(r"\x{byte:02X}")));
    }
    rel
}

fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'\\', b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

impl Discovery {
    /// Files below `root` that match an `include` and neither match an `exclude` nor lie in a folder that does.
    pub fn new(root: &Path, include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        let closed = exclude.iter().map(|pattern| pattern.strip_suffix("/**").unwrap_or(pattern));
        Ok(Self {
            root: root.to_owned(),
            include: set(include.iter().map(String::as_str))?,
            exclude: set(exclude.iter().map(String::as_str))?,
            closed: set(closed)?,
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a file of this path below the root is a stream.
    pub fn matches(&self, rel: &str) -> bool {
        let mut folders = rel.match_indices('/').map(|(at, _)| &rel[..at]);
        self.include.is_match(rel) && !self.exclude.is_match(rel) && folders.all(|folder| self.open(folder))
    }

    /// Whether anything below this folder may be a stream, as far as its own name goes.
    fn open(&self, folder: &str) -> bool {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        name != DATA_DIR_NAME && !self.closed.is_match(folder)
    }

    /// Looks through the whole folder. A symlink to something inside the root is skipped, since that is found under its
    /// real name (`scheduler/latest`); others are followed, after the root's own files, each target once.
    pub fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        let real_root = match fs::canonicalize(&self.root) {
            Ok(real_root) => real_root,
            Err(error) => {
                scan.unreadable.push((self.root.clone(), error));
                return scan;
            }
        };
        let root = Place { abs: self.root.clone(), rel: String::new(), outside: false };
        let mut walk = Walk {
            discovery: self,
            real_root,
            seen: HashSet::new(),
            folders: vec![root],
            links: VecDeque::new(),
            scan,
        };
        walk.run();
        let mut scan = walk.scan;
        scan.files.sort_by(|a, b| a.rel.cmp(&b.rel));
        scan
    }
}

fn set<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(glob(pattern)?);
    }
    builder.build()
}

/// A folder or link that is still to be visited.
struct Place {
    abs: PathBuf,
    rel: String,
    /// Reached through a link out of the root: its files may be reached again by another.
    outside: bool,
}

struct Walk<'a> {
    discovery: &'a Discovery,
    real_root: PathBuf,
    /// Device and inode of every folder visited, and of every file outside.
    seen: HashSet<(u64, u64)>,
    folders: Vec<Place>,
    links: VecDeque<Place>,
    scan: Scan,
}

impl Walk<'_> {
    fn run(&mut self) {
        loop {
            if let Some(folder) = self.folders.pop() {
                self.read_folder(folder);
            } else if let Some(link) = self.links.pop_front() {
                self.follow(link);
            } else {
                return;
            }
        }
    }

    fn read_folder(&mut self, folder: Place) {
        let entries = fs::metadata(&folder.abs).and_then(|metadata| {
            let first_visit = self.seen.insert((metadata.dev(), metadata.ino()));
            if first_visit { fs::read_dir(&folder.abs)?.collect() } else { Ok(Vec::new()) }
        });
        let mut entries: Vec<DirEntry> = match entries {
            Ok(entries) => entries,
            Err(error) => return self.report(folder.abs, error),
        };
        // The same link wins every time.
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            self.visit(&folder, &entry);
        }
    }

    fn visit(&mut self, folder: &Place, entry: &DirEntry) {
        let name = rel_of(Path::new(&entry.file_name()));
        let rel = if folder.rel.is_empty() { name } else { format!("{}/{name}", folder.rel) };
        let place = Place { abs: entry.path(), rel, outside: folder.outside };
        match entry.file_type() {
            Err(error) => self.report(place.abs, error),
            Ok(kind) if kind.is_dir() => {
                if self.discovery.open(&place.rel) {
                    self.folders.push(place);
                }
            }
            Ok(kind) if kind.is_symlink() => self.visit_link(place),
            Ok(kind) if kind.is_file() && self.discovery.matches(&place.rel) => match entry.metadata() {
                Ok(metadata) => self.found(place, metadata),
                Err(error) => self.report(place.abs, error),
            },
            Ok(_) => {}
        }
    }

    fn visit_link(&mut self, link: Place) {
        match fs::canonicalize(&link.abs) {
            Ok(target) if target.starts_with(&self.real_root) => {}
            Ok(_) => self.links.push_back(Place { outside: true, ..link }),
            Err(error) => self.report(link.abs, error),
        }
    }

    fn follow(&mut self, link: Place) {
        match fs::metadata(&link.abs) {
            Ok(metadata) if metadata.is_dir() && self.discovery.open(&link.rel) => self.folders.push(link),
            Ok(metadata) if metadata.is_file() && self.discovery.matches(&link.rel) => {
                self.found(link, metadata);
            }
            Ok(_) => {}
            Err(error) => self.report(link.abs, error),
        }
    }

    fn found(&mut self, place: Place, metadata: Metadata) {
        if place.outside && !self.seen.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        self.scan.not_utf8 += usize::from(place.abs.to_str().is_none());
        self.scan.files.push(Found { abs: place.abs, rel: place.rel, metadata });
    }

    /// What vanished while we looked was deleted, and a link to nothing is nothing.
    fn report(&mut self, path: PathBuf, error: io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.scan.unreadable.push((path, error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use proptest::prelude::*;

    use super::*;

    const TASKS_ONLY: [&str; 4] = ["scheduler/**", "dag_processor*/**", "**/.*", ".*/**"];

    fn touch(root: &Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("below the root")).expect("folder");
            fs::write(path, "x\n").expect("file");
        }
    }

    fn discovery(root: &Path, include: &[&str], exclude: &[&str]) -> Discovery {
        let owned =
            |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
        Discovery::new(root, &owned(include), &owned(exclude)).expect("patterns")
    }

    fn names(scan: &Scan) -> Vec<&str> {
        assert!(scan.unreadable.is_empty(), "{:?}", scan.unreadable);
        scan.files.iter().map(|found| &*found.rel).collect()
    }

    #[test]
    fn the_default_patterns_find_task_logs_only() {
        let root = tempfile::tempdir().expect("folder");
        touch(
            root.path(),
            &[
                "dag_id=a/run_id=b/task_id=c/attempt=1.log",
                "custom/1.txt",
                "top.log",
                "scheduler/2026-11-21/d.py.log",
                "dag_processor/2026-11-21/d.py.log",
                "dag_processor_manager/dag_processor_manager.log",
                ".hidden/x.log",
                "custom/.swp",
                "custom/.hidden/x.log",
                ".updraft/cursors.db",
            ],
        );
        let scan = discovery(root.path(), &["**/*"], &TASKS_ONLY).scan();
        assert_eq!(names(&scan), ["custom/1.txt", "dag_id=a/run_id=b/task_id=c/attempt=1.log", "top.log"]);
        let found = &scan.files[2];
        assert_eq!((found.abs.clone(), found.metadata.len()), (root.path().join("top.log"), 2));
    }

    #[test]
    fn the_data_dir_is_never_a_stream_even_when_nothing_is_excluded() {
        let root = tempfile::tempdir().expect("folder");
        touch(root.path(), &[".updraft/cursors.db", "scheduler/a.log", ".x"]);
        let all = discovery(root.path(), &["**/*"], &[]);
        assert_eq!(names(&all.scan()), [".x", "scheduler/a.log"]);
        assert!(!all.matches(".updraft/cursors.db"));
    }

    #[test]
    fn a_star_stays_within_a_folder() {
        let only = discovery(Path::new("/logs"), &["dag_id=*/*.log"], &["**/x*.log"]);
        assert!(only.matches("dag_id=a/b.log"));
        assert!(!only.matches("dag_id=a/c/b.log"));
        assert!(!only.matches("dag_id=a/xb.log"));
    }

    #[test]
    fn a_bad_pattern_is_an_error() {
        assert!(Discovery::new(Path::new("/"), &["a[".to_owned()], &[]).is_err());
        assert!(Discovery::new(Path::new("/"), &[], &["{a".to_owned()]).is_err());
    }

    #[test]
    fn a_link_to_something_inside_is_found_under_its_real_name_only() {
        let root = tempfile::tempdir().expect("folder");
        touch(root.path(), &["scheduler/2026-11-21/d.log"]);
        symlink("2026-11-21", root.path().join("scheduler/latest")).expect("link");
        symlink("scheduler/2026-11-21/d.log", root.path().join("d.log")).expect("link");
        assert_eq!(names(&discovery(root.path(), &["**/*"], &[]).scan()), ["scheduler/2026-11-21/d.log"]);
    }

    #[test]
    fn a_root_that_is_itself_a_link_is_looked_through() {
        let parent = tempfile::tempdir().expect("folder");
        touch(parent.path(), &["real/a.log", "real/b/c.log"]);
        symlink("real", parent.path().join("logs")).expect("link");
        symlink("b", parent.path().join("real/latest")).expect("link");
        let scan = discovery(&parent.path().join("logs"), &["**/*"], &[]).scan();
        assert_eq!(names(&scan), ["a.log", "b/c.log"]);
        assert_eq!(scan.files[0].abs, parent.path().join("logs/a.log"));
    }

    #[test]
    fn links_out_of_the_root_are_followed_and_each_target_comes_once() {
        let parent = tempfile::tempdir().expect("folder");
        touch(parent.path(), &["logs/own.log", "volume/dag_id=x/1.log", "volume/dag_id=x/2.log"]);
        let logs = parent.path().join("logs");
        symlink("../volume", logs.join("mnt")).expect("link");
        symlink("../volume", logs.join("mnt-again")).expect("link");
        symlink("../volume/dag_id=x/1.log", logs.join("one.log")).expect("link");
        let scan = discovery(&logs, &["**/*"], &[]).scan();
        assert_eq!(names(&scan), ["mnt/dag_id=x/1.log", "mnt/dag_id=x/2.log", "own.log"]);
    }

    #[test]
    fn loops_of_links_end() {
        let parent = tempfile::tempdir().expect("folder");
        touch(parent.path(), &["logs/a.log", "outside/b.log"]);
        let (logs, outside) = (parent.path().join("logs"), parent.path().join("outside"));
        symlink("..", logs.join("up")).expect("link to an ancestor of the root");
        symlink(&outside, outside.join("self")).expect("link to its own folder");
        symlink("loop", logs.join("loop")).expect("link to itself");
        symlink("nowhere", logs.join("dangling")).expect("link to nothing");
        let scan = discovery(&logs, &["**/*"], &[]).scan();
        let found: Vec<_> = scan.files.iter().map(|found| &*found.rel).collect();
        assert_eq!(found, ["a.log", "up/outside/b.log"]);
        assert_eq!(scan.unreadable.len(), 1, "only the link to itself: {:?}", scan.unreadable);
    }

    #[test]
    fn what_is_no_regular_file_is_no_stream() {
        let root = tempfile::tempdir().expect("folder");
        touch(root.path(), &["a.log"]);
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).expect("socket");
        symlink("/dev/null", root.path().join("null")).expect("link");
        assert_eq!(names(&discovery(root.path(), &["**/*"], &[]).scan()), ["a.log"]);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_reported_and_the_rest_found() {
        let root = tempfile::tempdir().expect("folder");
        touch(root.path(), &["closed/a.log", "open/b.log"]);
        let closed = root.path().join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("mode");
        let as_root = fs::read_dir(&closed).is_ok();
        let scan = discovery(root.path(), &["**/*"], &[]).scan();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("mode");
        assert_eq!(scan.unreadable.len(), usize::from(!as_root));
        assert!(scan.files.iter().any(|found| found.rel == "open/b.log"));
    }

    #[test]
    fn a_root_that_is_not_there_is_reported() {
        let scan = discovery(Path::new("/nowhere/at/all"), &["**/*"], &[]).scan();
        assert!(scan.files.is_empty());
        assert_eq!(scan.unreadable[0].1.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn names_that_are_not_utf8_are_found_and_counted_and_each_is_another() {
        let root = tempfile::tempdir().expect("folder");
        let names_there = [&b"caf\xe8.log"[..], b"caf\xe9.log", br"caf\xE9.log", br"c:\xylophone.log"];
        for name in names_there {
            fs::write(root.path().join(OsStr::from_bytes(name)), "x").expect("file");
        }
        let scan = discovery(root.path(), &["**/*"], &[]).scan();
        assert_eq!(names(&scan), [r"c:\xylophone.log", r"caf\x5CxE9.log", r"caf\xE8.log", r"caf\xE9.log"]);
        assert_eq!(scan.not_utf8, 2);
        assert_eq!(scan.files[3].abs, root.path().join(OsStr::from_bytes(b"caf\xe9.log")));
    }

    /// What [`rel_of`] was given.
    fn original(rel: &str) -> Vec<u8> {
        let (mut rest, mut path) = (rel.as_bytes(), Vec::new());
        while let Some((&first, after)) = rest.split_first() {
            if is_escape(rest) {
                path.push(
                    u8::from_str_radix(&rel[rel.len() - rest.len() + 2..][..2], 16).expect("two digits"),
                );
                rest = &rest[4..];
            } else {
                path.push(first);
                rest = after;
            }
        }
        path
    }

    proptest! {
        #[test]
        fn no_two_paths_are_written_the_same(
            path in prop::collection::vec(prop::sample::select(b"\\xxE95C\xe9\xc3\xa9\xff/a".as_slice()), 0..24),
        ) {
            let below = Path::new(OsStr::from_bytes(&path));
            prop_assert_eq!(original(&rel_of(below)), path.clone());
            let parts: Vec<_> =
                path.split(|&byte| byte == b'/').map(|part| rel_of(Path::new(OsStr::from_bytes(part)))).collect();
            prop_assert_eq!(parts.join("/"), rel_of(below), "folder by folder it is the same");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_scan_finds_exactly_the_files_that_match(
            paths in proptest::collection::btree_set("(scheduler/|dag_id=a/|\\.h/|x/){0,3}(a|\\.b|c\\.log)", 0..8),
        ) {
            let root = tempfile::tempdir().expect("folder");
            let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
            touch(root.path(), &paths);
            let discovery = discovery(root.path(), &["**/*"], &TASKS_ONLY);
            let expected: Vec<_> = paths.iter().copied().filter(|path| discovery.matches(path)).collect();
            let scan = discovery.scan();
            prop_assert_eq!(names(&scan), expected);
        }
    }
}
