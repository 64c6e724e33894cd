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

/// Why a file is no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This pattern of `exclude`, by its index, has it or a folder that it lies in.
    Excluded(usize),
    /// No pattern of `include` has it.
    NotIncluded,
    /// It lies in a folder of Updraft's own.
    Ours,
}

/// What one look through the folder brought.
#[derive(Debug, Default)]
pub struct Scan {
    /// The files, ordered by `rel`.
    pub files: Vec<Found>,
    /// How many there were, kept or not.
    pub count: usize,
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

    /// Why a file of this path below the root is no stream; none: it is one.
    pub fn refuses(&self, rel: &str) -> Option<Refusal> {
        if self.matches(rel) {
            return None;
        }
        let mut folders = rel.match_indices('/').map(|(at, _)| &rel[..at]);
        let itself = self.exclude.matches(rel).first().copied();
        let pattern = itself.or_else(|| folders.find_map(|it| self.closed.matches(it).first().copied()));
        Some(match pattern {
            Some(pattern) => Refusal::Excluded(pattern),
            None if self.include.is_match(rel) => Refusal::Ours,
            None => Refusal::NotIncluded,
        })
    }

    /// Whether anything below this folder may be a stream, as far as its own name goes.
    fn open(&self, folder: &str) -> bool {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        name != DATA_DIR_NAME && !self.closed.is_match(folder)
    }

    /// Looks through the whole folder. A symlink to something inside the root is skipped, since that is found under its
    /// real name (`scheduler/latest`); others are followed, after the root's own files, each target once.
    pub fn scan(&self) -> Scan {
        self.scan_but(Some)
    }

    /// The same, of files only what `keep` returns: each goes there as soon as it is found. Of very many files that are
    /// as they were, nothing is kept.
    pub fn scan_but(&self, keep: impl FnMut(Found) -> Option<Found>) -> Scan {
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
            keep,
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

struct Walk<'a, K> {
    discovery: &'a Discovery,
    real_root: PathBuf,
    /// Device and inode of every folder visited, and of every file outside.
    seen: HashSet<(u64, u64)>,
    folders: Vec<Place>,
    links: VecDeque<Place>,
    scan: Scan,
    /// Takes a file, or gives it back.
    keep: K,
}

impl<K: FnMut(Found) -> Option<Found>> Walk<'_, K> {
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
        self.scan.count += 1;
        self.scan.files.extend((self.keep)(Found { abs: place.abs, rel: place.rel, metadata }));
    }

    /// What vanished while we looked was deleted, and a link to nothing is nothing.
    fn report(&mut self, path: PathBuf, error: io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.scan.unreadable.push((path, error));
        }
    }
}

#[cfg(test)]
mod tests;
