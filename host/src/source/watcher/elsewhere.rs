//! The same by crate `notify`, for systems that developers use and that have no inotify.

use super::Told;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::io;
use std::path::Path;

/// A watch that goes on until it is dropped.
pub struct Following {
    _watcher: RecommendedWatcher,
}

impl Following {
    /// Begins to watch.
    pub fn begin(root: &Path, mut tell: impl FnMut(Told) + Send + 'static) -> io::Result<Self> {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) => event.paths.into_iter().for_each(|path| tell(Told::Changed(path))),
            Err(error) => tell(Told::Unwatched(io::Error::other(error))),
        });
        let begun = watcher.and_then(|mut watcher| {
            watcher.watch(root, RecursiveMode::Recursive)?;
            Ok(Self { _watcher: watcher })
        });
        begun.map_err(|error| match error.kind {
            notify::ErrorKind::PathNotFound => io::ErrorKind::NotFound.into(),
            notify::ErrorKind::Io(error) => error,
            _ => io::Error::other(error),
        })
    }
}
