//! Watches Airflow's log folder: finds files, follows their growth, and knows when one becomes another.
//!
//! inotify says where to look; a rescan of the whole folder every few seconds finds what it missed (network
//! file systems, overflowing queues, folders made faster than they can be watched). Only a rescan decides what was
//! renamed, replaced or deleted: a single path does not tell.

mod doubt;
mod letters;
mod scan;
mod streams;

pub use letters::remove;

use super::discover::{Discovery, Found, rel_of};
use super::sight::{Sight, Sought, look};
use super::{OpenFiles, Stream, watcher};
use crate::config;
use crate::cursor::{CursorRow, Loss, Store, StoreError, StreamId, StreamRow};
use crate::dead_letter::DeadLetters;
use crate::event::Deployment;
use crate::sink::complaint::Complaint;
use doubt::Doubt;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Paths that the watcher may report before we look; beyond that the next rescan finds them.
const WATCH_QUEUE: usize = 4096;
/// A look that takes longer than this…
const LONG_LOOK: Duration = Duration::from_millis(50);
/// …comes again when so many times as long are over…
const LOOK_SHARE: u32 = 400;
/// …or so many times `rescan_secs`.
const MOST_RESCANS: u32 = 6;
/// New folders come in bursts (dag, run, task): look through everything at most this often because of them.
const RESCAN_SOON: Duration = Duration::from_millis(200);
/// …but not before so many times as long as the last look took, where what is reported is more than there is room for.
const MISSED_SHARE: u32 = 10;

/// Somebody wants to know that the folder was looked through: true if everything could be looked at.
pub type Look = oneshot::Sender<bool>;

/// What the source tells the lanes.
pub trait Listener: Send + Sync {
    /// A stream is there, with what the store knows of it.
    fn began(&self, stream: &Arc<Stream>, cursors: &[(String, CursorRow)]);
    /// There is more to read, or nothing more will come.
    fn changed(&self, stream: &Arc<Stream>);
    /// A sink will never have it: the source found so itself, and it is written down.
    fn lost(&self, loss: &Loss);
    /// The source, an index into the config's, has looked through its folder.
    fn looked(&self, source: usize);
    /// Whether every sink has all of it.
    fn delivered(&self, stream: StreamId) -> bool;
    /// The most that any sink has of it, in bytes.
    fn acknowledged(&self, stream: StreamId) -> u64;
    /// What a sink has read of it and not acknowledged yet.
    fn under_way(&self, stream: StreamId, sink: &str) -> Range<u64>;
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
    known: HashMap<StreamId, Known>,
    /// Those of them whose files are there, by place.
    at: HashMap<Arc<str>, StreamId>,
    /// Streams whose files are nowhere any more, until every sink has them.
    gone: HashMap<StreamId, Known>,
    /// As the store had them at start and no scan has seen yet.
    remembered: HashMap<StreamId, Remembered>,
    /// Files that are held back: copies that are under way, perhaps.
    held: HashMap<String, Held>,
    /// What copies lack that may be delivered nevertheless.
    doubts: Vec<Doubt>,
    /// Device and inode of the folder when there last was something in it.
    root: Option<(u64, u64)>,
    first_scan: bool,
    /// Said once, until all is well again.
    complained: HashSet<PathBuf>,
    /// The last scan could look at everything.
    all_seen: bool,
    /// Files were renamed or deleted while it went on.
    torn: bool,
    /// The store cannot be written.
    store_trouble: Complaint,
    /// What it hands over, if its files are dead letters.
    letters: Option<DeadLetters>,
}

/// A stream and where it is.
struct Known {
    stream: Arc<Stream>,
    /// Where it was last seen, below the root.
    rel: Arc<str>,
    /// So many looks in a row did not find it.
    absent: u32,
}

/// A stream that only the store knows.
struct Remembered {
    row: StreamRow,
    /// So many looks in a row did not find it.
    absent: u32,
}

/// A file that is so far the same as another.
struct Held {
    inode: u64,
    size: u64,
    since: Instant,
    grew: Instant,
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
        let mut remembered = HashMap::new();
        for row in store.streams(&config.id).await? {
            if discovery.matches(&row.path) {
                remembered.insert(row.id, Remembered { row, absent: 0 });
            } else if !discovery.root().join(&row.path).exists() {
                store.forget(row.id).await?;
            }
            // Else the config shuts it out by now: neither lost nor forgotten, should it be let in again.
        }
        Ok(Self {
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
            at: HashMap::new(),
            gone: HashMap::new(),
            first_scan: remembered.is_empty(),
            remembered,
            held: HashMap::new(),
            doubts: Vec::new(),
            root: None,
            complained: HashSet::new(),
            all_seen: true,
            torn: false,
            store_trouble: Complaint::default(),
            letters,
        })
    }

    /// Follows the folder until `closing`, then looks once more: what is there then is the present end. False if not
    /// everything could be looked at then. Looks at once when asked to.
    pub async fn run(mut self, mut closing: watch::Receiver<bool>, mut looks: mpsc::Receiver<Look>) -> bool {
        let (report, mut reports) = mpsc::channel(WATCH_QUEUE);
        let mut watch = watcher::Watch::new(self.discovery.root(), report, self.config.watch);
        let (mut soon, mut took) = (false, Duration::ZERO);
        let mut rescan = tokio::time::interval(self.config.rescan);
        rescan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*closing.borrow() {
            tokio::select! {
                _ = closing.changed() => break,
                _ = rescan.tick() => {
                    // Before the scan, so that nothing falls between.
                    watch.keep();
                    let begun = Instant::now();
                    self.scan_or_say(false).await;
                    (soon, took) = (false, begun.elapsed());
                    if watch.is_complete() {
                        rescan.reset_after(self.after_a_look(took));
                    }
                    if let Some(pause) = self.look_again() {
                        soon = pause <= RESCAN_SOON;
                        rescan.reset_after(pause.min(self.config.rescan));
                    }
                }
                Some(look) = looks.recv() => {
                    // Those who ask after this look has begun need one of their own.
                    let mut asked = vec![look];
                    while let Ok(look) = looks.try_recv() {
                        asked.push(look);
                    }
                    self.scan_or_say(false).await;
                    for look in asked {
                        // Nobody need wait for the answer any more.
                        let _ = look.send(self.all_seen);
                    }
                }
                Some(path) = reports.recv() => {
                    let mut paths = HashSet::from([path]);
                    while let Ok(more) = reports.try_recv() {
                        paths.insert(more);
                    }
                    for path in &paths {
                        watch.reported(path);
                    }
                    match self.look_at(paths).await {
                        // Once: what goes on happening must not put it off for ever.
                        Ok(unclear) if !soon && (unclear || watch.has_missed()) => {
                            soon = true;
                            rescan.reset_after(RESCAN_SOON.max(took * MISSED_SHARE));
                        }
                        Ok(_) => {}
                        Err(error) => self.say(&error),
                    }
                }
            }
        }
        self.scan_or_say(true).await;
        // Nobody comes back for what this one missed.
        if self.look_again().is_some() || self.torn || !self.all_seen {
            self.scan_or_say(true).await;
        }
        self.all_seen
    }

    /// When to look again, where all is watched and a look took so long: a folder of very many files would else keep a
    /// processor busy for nothing.
    fn after_a_look(&self, took: Duration) -> Duration {
        let rescan = self.config.rescan;
        if took < LONG_LOOK { rescan } else { (took * LOOK_SHARE).clamp(rescan, rescan * MOST_RESCANS) }
    }

    async fn scan_or_say(&mut self, last: bool) {
        self.all_seen = true;
        self.hand_over(last).await;
        let scanned = self.scan(last).await;
        if scanned.is_ok() {
            self.listener.looked(self.index);
        }
        match scanned.and(self.remove_delivered().await) {
            Ok(()) => {
                if self.store_trouble.settle() {
                    tracing::info!(source = %self.config.id, "the store can be written again, and what is new in the logs is taken");
                }
            }
            Err(error) => {
                self.all_seen = false;
                self.say(&error);
            }
        }
    }

    fn say(&mut self, error: &StoreError) {
        if self.store_trouble.raise("store", Instant::now()) {
            tracing::error!(source = %self.config.id,
                "{error}; until it can be written, what is new in the logs waits where it is: each look tries again");
        }
    }

    /// Looks at single paths; true if only a rescan can tell what happened.
    async fn look_at(&mut self, paths: HashSet<PathBuf>) -> Result<bool, StoreError> {
        let mut rescan = false;
        let mut look_at = Vec::new();
        for abs in paths {
            let Ok(below) = abs.strip_prefix(self.discovery.root()) else { continue };
            let rel = rel_of(below);
            match self.at.get(rel.as_str()).and_then(|id| self.known.get(id)) {
                Some(known) => look_at.push((abs, self.sought(known))),
                // A new file is found by its folder, under its real name; excluded ones are nobody's business.
                None => {
                    rescan |= abs.is_dir() || below.as_os_str().is_empty() || self.discovery.matches(&rel);
                }
            }
        }
        let looked = tokio::task::spawn_blocking(move || {
            let look = |(abs, sought): (PathBuf, Sought)| {
                let metadata = std::fs::metadata(&abs).ok()?;
                let found = Found { abs, rel: (*sought.rel).to_owned(), metadata };
                Some((sought.id, look(&found, &sought).ok()?))
            };
            look_at.into_iter().map(look).collect::<Vec<_>>()
        });
        let looked = looked.await.unwrap_or_default();
        // Before the lanes are told of it: what one of them had, all may have lost.
        let grew = looked.iter().flatten().filter_map(|(id, sight)| match sight {
            Sight::Grew(seen) if self.known.get(id)?.stream.is_news(seen.size) => Some((*id, seen.size)),
            _ => None,
        });
        self.write_sizes(grew.collect()).await?;
        for looked in looked {
            match looked {
                Some((_, Sight::Same)) => {}
                Some((id, Sight::Grew(seen))) => self.grew(id, seen).await?,
                // Renamed, replaced, deleted: or it could not be looked at.
                None | Some((_, Sight::Other)) => rescan = true,
            }
        }
        Ok(rescan)
    }

    /// A stream as the next look seeks it.
    fn sought(&self, known: &Known) -> Sought {
        let stream = &known.stream;
        let snapshot = stream.snapshot();
        Sought {
            id: stream.id,
            rel: known.rel.clone(),
            abs: stream.place(),
            is_there: !snapshot.gone,
            identity: stream.identity(),
            size: snapshot.size,
            stamp: Some(stream.stamp()),
            acknowledged: self.listener.acknowledged(stream.id),
        }
    }
}

#[cfg(test)]
mod tests;
