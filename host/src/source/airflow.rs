//! Watches Airflow's log folder: finds files, follows their growth, and knows when one becomes another.
//!
//! inotify says where to look; a rescan of the whole folder every few seconds finds what it missed (network
//! file systems, overflowing queues, folders made faster than they can be watched).

mod letters;
mod streams;

pub use letters::remove;

use super::discover::{Discovery, Found, rel_of};
use super::sight::look;
use super::{OpenFiles, Stream, watcher};
use crate::config;
use crate::cursor::{CursorRow, Store, StoreError, StreamId, StreamRow};
use crate::dead_letter::DeadLetters;
use crate::event::Deployment;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Paths that the watcher may report before we look; beyond that the next rescan finds them.
const WATCH_QUEUE: usize = 4096;
/// New folders come in bursts (dag, run, task): look through everything at most this often because of them.
const RESCAN_SOON: Duration = Duration::from_millis(200);

/// What the source tells the lanes.
pub trait Listener: Send + Sync {
    /// A stream is there, with what the store knows of it.
    fn began(&self, stream: &Arc<Stream>, cursors: &[(String, CursorRow)]);
    /// There is more to read, or nothing more will come.
    fn changed(&self, stream: &Arc<Stream>);
    /// A stream vanished while we were not running, and that sink had not all of it.
    fn lost(&self, sink: &str, path: &str, bytes: u64);
    /// The source, an index into the config's, has looked through its folder.
    fn looked(&self, source: usize);
    /// Whether every sink has all of it.
    fn delivered(&self, stream: StreamId) -> bool;
    /// The stream is over.
    fn ended(&self, stream: StreamId);
}

/// A source of type `airflow`.
pub struct Airflow {
    config: config::Source,
    index: usize,
    host: String,
    deployment: Deployment,
    sinks: Vec<String>,
    discovery: Arc<Discovery>,
    store: Store,
    files: Arc<OpenFiles>,
    listener: Arc<dyn Listener>,
    known: HashMap<String, Arc<Stream>>,
    /// Streams whose path leads elsewhere by now, until every sink has them.
    gone: Vec<Arc<Stream>>,
    /// As the store had them at start and no scan has seen yet.
    remembered: HashMap<String, StreamRow>,
    first_scan: bool,
    /// Said once, until all is well again.
    complained: HashSet<PathBuf>,
    /// The last scan could look at everything.
    all_seen: bool,
    /// What it hands over, if its files are dead letters.
    letters: Option<DeadLetters>,
}

/// What all sources share.
pub struct Shared {
    /// Name of this machine.
    pub host: String,
    /// Where this host runs.
    pub deployment: Deployment,
    /// The cursors.
    pub store: Store,
    /// The open files.
    pub files: Arc<OpenFiles>,
    /// Who wants to know.
    pub listener: Arc<dyn Listener>,
    /// None but for a source of dead letters: where they are kept.
    pub letters: Option<DeadLetters>,
}

impl Airflow {
    /// Reads what the store remembers of this source. `sinks`: ids of those that take from it.
    pub async fn open(
        config: config::Source,
        index: usize,
        sinks: Vec<String>,
        discovery: Discovery,
        shared: Shared,
    ) -> Result<Self, StoreError> {
        let Shared { host, deployment, store, files, listener, letters } = shared;
        let mut remembered: HashMap<String, StreamRow> = HashMap::new();
        let mut older = Vec::new();
        for row in store.streams(&config.id).await? {
            // Of two generations of one path only the later can still be read.
            older.extend(remembered.insert(row.path.clone(), row));
        }
        let this = Self {
            config,
            index,
            host,
            deployment,
            sinks,
            discovery: Arc::new(discovery),
            store,
            files,
            listener,
            known: HashMap::new(),
            gone: Vec::new(),
            first_scan: remembered.is_empty(),
            remembered,
            complained: HashSet::new(),
            all_seen: true,
            letters,
        };
        for row in older {
            this.vanished_unseen(row).await?;
        }
        Ok(this)
    }

    /// Follows the folder until `closing`, then looks once more: what is there then is the present end. False if not
    /// everything could be looked at then.
    pub async fn run(mut self, mut closing: watch::Receiver<bool>) -> bool {
        let (report, mut reports) = mpsc::channel(WATCH_QUEUE);
        // Watch before the first scan, so that nothing falls between.
        let mut watching = None;
        let mut soon = false;
        let mut rescan = tokio::time::interval(self.config.rescan);
        rescan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*closing.borrow() {
            tokio::select! {
                _ = closing.changed() => break,
                _ = rescan.tick() => {
                    // The folder may come later than we do.
                    if watching.is_none() && self.discovery.root().is_dir() {
                        watching = Some(watcher::start(self.discovery.root(), report.clone()));
                    }
                    soon = false;
                    self.scan_or_say(false).await;
                }
                Some(path) = reports.recv() => {
                    let mut paths = HashSet::from([path]);
                    while let Ok(more) = reports.try_recv() {
                        paths.insert(more);
                    }
                    match self.look_at(paths).await {
                        // Once: what goes on happening must not put it off for ever.
                        Ok(true) if !soon => {
                            soon = true;
                            rescan.reset_after(RESCAN_SOON);
                        }
                        Ok(_) => {}
                        Err(error) => tracing::error!(source = %self.config.id, "{error}; the next look tries again"),
                    }
                }
            }
        }
        self.scan_or_say(true).await;
        self.all_seen
    }

    async fn scan_or_say(&mut self, last: bool) {
        self.all_seen = true;
        self.hand_over(last).await;
        let scanned = self.scan().await;
        if scanned.is_ok() {
            self.listener.looked(self.index);
        }
        if let Err(error) = scanned.and(self.remove_delivered().await) {
            self.all_seen = false;
            tracing::error!(source = %self.config.id, "{error}; the next look tries again");
        }
    }

    /// Looks through the whole folder.
    async fn scan(&mut self) -> Result<(), StoreError> {
        let discovery = self.discovery.clone();
        let known = self.known.clone();
        let remembered = self.remembered.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let scan = discovery.scan();
            let sights: Vec<_> = scan
                .files
                .into_iter()
                .map(|found| {
                    let known = known.get(&found.rel).map(Arc::as_ref);
                    let sight = look(&found, known, remembered.get(&found.rel));
                    (found, sight)
                })
                .collect();
            (sights, scan.unreadable, scan.not_utf8)
        })
        .await;
        let Ok((sights, unreadable, not_utf8)) = looked else {
            self.all_seen = false;
            return Ok(());
        };
        for (path, error) in &unreadable {
            // A link that leads nowhere hides nothing; a folder that is not there yet may.
            let hides = error.kind() != std::io::ErrorKind::NotFound || path == self.discovery.root();
            self.all_seen &= !hides;
            if self.complained.insert(path.clone()) {
                tracing::warn!(source = %self.config.id, path = %path.display(),
                    "cannot look into it: {error}; will try again, and say no more of it");
            }
        }
        if unreadable.is_empty() {
            self.complained.clear();
        }
        if self.first_scan && not_utf8 > 0 {
            tracing::warn!(source = %self.config.id, "{not_utf8} file names are not UTF-8; each such byte is shown as \\xNN");
        }
        let letters = self.letters.is_some();
        if self.first_scan && sights.is_empty() && unreadable.is_empty() && !letters {
            tracing::warn!(source = %self.config.id, folder = %self.discovery.root().display(),
                "no log file there yet that `include` and `exclude` let through; waiting for some");
        }
        if sights.is_empty() && !self.remembered.is_empty() && !letters {
            if self.complained.insert(PathBuf::new()) {
                tracing::warn!(source = %self.config.id, folder = %self.discovery.root().display(),
                    "is empty, though there were files before: not mounted yet? Nothing is forgotten until there are some");
            }
            return Ok(());
        }
        let present: HashSet<String> = sights.iter().map(|(found, _)| found.rel.clone()).collect();
        self.apply(sights).await?;
        // A folder that could not be read says nothing of the files in it.
        let root = self.discovery.root();
        let hidden: Vec<&Path> =
            unreadable.iter().filter_map(|(path, _)| path.strip_prefix(root).ok()).collect();
        let vanished = |rel: &String| {
            !present.contains(rel) && !hidden.iter().any(|path| Path::new(rel).starts_with(path))
        };
        let known: Vec<String> = self.known.keys().filter(|rel| vanished(rel)).cloned().collect();
        let remembered: Vec<String> = self.remembered.keys().filter(|rel| vanished(rel)).cloned().collect();
        for rel in known {
            self.vanish(&rel, false);
        }
        for rel in remembered {
            if let Some(row) = self.remembered.remove(&rel) {
                self.vanished_unseen(row).await?;
            }
        }
        self.first_scan = false;
        self.bury().await
    }

    /// Looks at single paths; true if only a rescan can tell what happened.
    async fn look_at(&mut self, paths: HashSet<PathBuf>) -> Result<bool, StoreError> {
        let mut rescan = false;
        let mut look_at = Vec::new();
        for abs in paths {
            let Ok(below) = abs.strip_prefix(self.discovery.root()) else { continue };
            let rel = rel_of(below);
            match self.known.get(&rel) {
                Some(known) => look_at.push((abs, rel, known.clone())),
                // A new file is found by its folder, under its real name; excluded ones are nobody's business.
                None => rescan |= abs.is_dir() || self.discovery.matches(&rel),
            }
        }
        let looked = tokio::task::spawn_blocking(move || {
            let look = |(abs, rel, known): (PathBuf, String, Arc<Stream>)| match std::fs::metadata(&abs) {
                Ok(metadata) => {
                    let found = Found { abs, rel, metadata };
                    let sight = look(&found, Some(&known), None);
                    Ok((found, sight))
                }
                Err(error) => Err((rel, error)),
            };
            look_at.into_iter().map(look).collect::<Vec<_>>()
        });
        let mut sights = Vec::new();
        for looked in looked.await.unwrap_or_default() {
            match looked {
                Ok(sight) => sights.push(sight),
                Err((rel, error)) if error.kind() == std::io::ErrorKind::NotFound => self.vanish(&rel, false),
                Err(_) => rescan = true,
            }
        }
        self.apply(sights).await?;
        self.bury().await?;
        Ok(rescan)
    }
}
