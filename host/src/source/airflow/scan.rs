//! A look through the whole folder, and what follows from it.

use super::{Airflow, Held, RESCAN_SOON};
use crate::cursor::{LossReason, StoreError, StreamId};
use crate::source::discover::{Found, Scan};
use crate::source::places::{Fate, Places, Search};
use crate::source::sight::{Seen, Sought};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file that so many looks in a row did not find is gone: one that was renamed during a look may escape that one.
const LOOKS: u32 = 2;
/// A file that is the same as another as far as it goes may be the copy that `copytruncate` makes. So long after it last
/// grew it is taken for a file of its own…
const COPY_QUIET: Duration = Duration::from_secs(5);
/// …and in any case after this.
const COPY_MOST: Duration = Duration::from_mins(1);
/// How often to look at it meanwhile.
const COPY_LOOK: Duration = Duration::from_secs(1);

/// What a look brought.
struct Looked {
    places: Places,
    unreadable: Vec<(PathBuf, io::Error)>,
    not_utf8: usize,
    /// So many files were there.
    files: usize,
    /// Device and inode of the folder.
    root: Option<(u64, u64)>,
}

impl Airflow {
    /// Looks through the whole folder. `last`: there will be no other look.
    pub(super) async fn scan(&mut self, last: bool) -> Result<(), StoreError> {
        let (discovery, sought) = (self.discovery.clone(), self.all_sought());
        let looked = tokio::task::spawn_blocking(move || {
            let root = std::fs::metadata(discovery.root()).ok().map(|it| (it.dev(), it.ino()));
            let mut search = Search::new(discovery.root(), sought);
            let Scan { files, count, unreadable, not_utf8 } =
                discovery.scan_but(|found| search.where_it_was(found));
            let places = search.settle(files);
            Looked { places, unreadable, not_utf8, files: count, root }
        });
        let Ok(looked) = looked.await else {
            self.all_seen = false;
            return Ok(());
        };
        if self.is_hidden(&looked) {
            self.forget_absent();
            return Ok(());
        }
        let Looked { places, unreadable, root, .. } = looked;
        (self.root, self.torn) = (root, places.torn);
        let failed: HashSet<String> = places.failed.iter().map(|(found, _)| found.rel.clone()).collect();
        for (found, error) in places.failed {
            self.cannot_read(&found, &error);
        }
        // A folder that could not be read says nothing of the files in it.
        let root = self.discovery.root();
        let hidden: Vec<PathBuf> = unreadable
            .iter()
            .filter_map(|(path, _)| path.strip_prefix(root).ok().map(Path::to_owned))
            .collect();
        let is_hidden = |rel: &str| {
            failed.contains(rel) || hidden.iter().any(|folder| Path::new(rel).starts_with(folder))
        };
        // Before the lanes are told of it: what one of them had, all may have lost.
        self.note_sizes(&places.fates).await?;
        self.apply(places.fates, is_hidden).await?;
        self.settle_doubts(last).await?;
        let mut new = places.new;
        new.extend(self.own(places.alike, last));
        self.begin(new).await?;
        self.first_scan = false;
        self.follow_gone().await?;
        self.bury().await
    }

    /// When the next look is due that will know more, if something is missing or held back.
    pub(super) fn look_again(&self) -> Option<Duration> {
        let missing = self.known.values().any(|known| known.absent > 0)
            || self.remembered.values().any(|it| it.absent > 0);
        if missing { Some(RESCAN_SOON) } else { (!self.held.is_empty()).then_some(COPY_LOOK) }
    }

    /// A look that says nothing has found nothing missing, and nothing that is to be held back.
    fn forget_absent(&mut self) {
        self.known.values_mut().for_each(|known| known.absent = 0);
        self.remembered.values_mut().for_each(|it| it.absent = 0);
        self.held.clear();
    }

    fn all_sought(&self) -> Vec<Sought> {
        let known = self.known.values().map(|known| self.sought(known));
        // What was deleted may have been moved away only, and come back.
        let gone = self.gone.values();
        let gone = gone.filter(|known| known.stream.why_gone() == Some(LossReason::Deleted));
        let remembered = self.remembered.values().map(|it| Sought {
            id: it.row.id,
            rel: it.row.path.as_str().into(),
            abs: self.discovery.root().join(&it.row.path).into(),
            is_there: false,
            identity: it.row.identity.clone(),
            size: it.row.size,
            stamp: None,
            acknowledged: it.row.cursors.iter().map(|(_, row)| row.offset).max().unwrap_or(0),
        });
        let mut all: Vec<Sought> =
            known.chain(gone.map(|known| self.sought(known))).chain(remembered).collect();
        // The same every time: those that are known first, the newest before the others.
        all.sort_unstable_by_key(|sought| (sought.stamp.is_none(), std::cmp::Reverse(sought.id)));
        all
    }

    /// Says what could not be looked at. True: nothing may follow from this look.
    fn is_hidden(&mut self, looked: &Looked) -> bool {
        for (path, error) in &looked.unreadable {
            // A link that leads nowhere hides nothing; a folder that is not there yet may.
            let hides = error.kind() != io::ErrorKind::NotFound || path == self.discovery.root();
            self.all_seen &= !hides;
            if self.complained.insert(path.clone()) {
                tracing::warn!(source = %self.config.id, path = %path.display(),
                    "cannot look into it: {error}; will try again, and say no more of it");
            }
        }
        if looked.unreadable.is_empty() && looked.places.failed.is_empty() && looked.files > 0 {
            self.complained.clear();
        }
        if self.first_scan && looked.not_utf8 > 0 {
            tracing::warn!(source = %self.config.id, "{} file names are not UTF-8; each such byte is shown as \\xNN",
                looked.not_utf8);
        }
        if looked.files > 0 || self.letters.is_some() {
            return false;
        }
        if self.first_scan && looked.unreadable.is_empty() {
            tracing::warn!(source = %self.config.id, folder = %self.discovery.root().display(),
                "no log file there yet that `include` and `exclude` let through; waiting for some");
        }
        // A volume that is not mounted leaves another folder in its place, and that is empty.
        let other_folder = !self.known.is_empty() && self.root.is_some() && looked.root != self.root;
        if self.remembered.is_empty() && !other_folder {
            return false;
        }
        if looked.unreadable.is_empty() && self.complained.insert(PathBuf::new()) {
            tracing::warn!(source = %self.config.id, folder = %self.discovery.root().display(),
                "is empty, though there were files before: not mounted yet? Nothing is forgotten until there are some");
        }
        true
    }

    fn cannot_read(&mut self, found: &Found, error: &io::Error) {
        self.all_seen = false;
        if self.complained.insert(found.abs.clone()) {
            tracing::warn!(source = %self.config.id, path = %found.rel,
                "cannot read it: {error}; will try again, and say no more of it");
        }
    }

    async fn apply(
        &mut self,
        fates: Vec<(StreamId, Fate)>,
        is_hidden: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        // Two files may have changed names with each other.
        self.at.clear();
        let mut result = Ok(());
        for (id, fate) in fates {
            let done = match fate {
                Fate::Still | Fate::Unknown => {
                    self.stays(id);
                    Ok(())
                }
                Fate::Same(found) => self.there(id, &found, None).await,
                Fate::Grew(it) => self.there(id, &it.0, Some(it.1)).await,
                Fate::Copied(it) => self.copied(id, it.0, it.1).await,
                Fate::Repeated => self.vanished(id, LossReason::Repeated).await,
                Fate::Replaced => self.vanished(id, LossReason::Replaced).await,
                Fate::Absent => self.absent(id, &is_hidden).await,
            };
            result = result.and(done);
        }
        // After a start it held all that is known, and does not again.
        if self.remembered.is_empty() {
            self.remembered = HashMap::new();
        }
        result
    }

    async fn absent(&mut self, id: StreamId, is_hidden: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        let (rel, absent) = if let Some(known) = self.known.get_mut(&id) {
            (&*known.rel, &mut known.absent)
        } else if let Some(it) = self.remembered.get_mut(&id) {
            (it.row.path.as_str(), &mut it.absent)
        } else {
            return Ok(());
        };
        if is_hidden(rel) {
            self.stays(id);
            return Ok(());
        }
        *absent += 1;
        if *absent < LOOKS {
            return Ok(());
        }
        self.vanished(id, LossReason::Deleted).await
    }

    /// What of these is no copy that is still being made, as far as we wait for that.
    fn own(&mut self, alike: Vec<(Found, Seen)>, last: bool) -> Vec<(Found, Seen)> {
        let before = std::mem::take(&mut self.held);
        let now = Instant::now();
        let mut own = Vec::new();
        for (found, seen) in alike {
            let mut held = match before.get(&found.rel) {
                Some(held) if held.inode == seen.identity.inode => Held { ..*held },
                _ => Held { inode: seen.identity.inode, size: seen.size, since: now, grew: now },
            };
            if seen.size > held.size {
                (held.size, held.grew) = (seen.size, now);
            }
            if last || held.grew.elapsed() >= COPY_QUIET || held.since.elapsed() >= COPY_MOST {
                own.push((found, seen));
            } else {
                self.held.insert(found.rel, held);
            }
        }
        own
    }

    /// Writes down how long streams are: those that grew, and those that some sink lacks a part of.
    async fn note_sizes(&mut self, fates: &[(StreamId, Fate)]) -> Result<(), StoreError> {
        let grew: HashMap<StreamId, u64> = fates
            .iter()
            .filter_map(|(id, fate)| match fate {
                Fate::Grew(it) => Some((*id, it.1.size)),
                _ => None,
            })
            .collect();
        let of_known = self.known.iter().filter_map(|(&id, known)| {
            let lacking = || (!self.listener.delivered(id)).then(|| known.stream.snapshot().size);
            let size = grew.get(&id).copied().or_else(lacking)?;
            known.stream.is_news(size).then_some((id, size))
        });
        let of_others = self.remembered.iter().filter_map(|(id, it)| {
            let size = *grew.get(id)?;
            (size > it.row.size).then_some((*id, size))
        });
        let sizes: Vec<_> = of_known.chain(of_others).collect();
        self.write_sizes(sizes).await
    }

    pub(super) async fn write_sizes(&mut self, sizes: Vec<(StreamId, u64)>) -> Result<(), StoreError> {
        if sizes.is_empty() {
            return Ok(());
        }
        self.store.saw(sizes.clone()).await?;
        for (id, size) in sizes {
            if let Some(known) = self.known.get(&id).or_else(|| self.gone.get(&id)) {
                known.stream.noted(size);
            }
        }
        Ok(())
    }

    /// A file that was deleted or moved away may still be written, and is read as long as it is held open.
    async fn follow_gone(&mut self) -> Result<(), StoreError> {
        let held: Vec<_> = self
            .gone
            .values()
            .filter_map(|known| Some((known.stream.clone(), self.files.orphaned(known.stream.id)?)))
            .collect();
        let measured = tokio::task::spawn_blocking(move || {
            let size = |file: &std::fs::File| file.metadata().map_or(0, |metadata| metadata.len());
            held.into_iter().map(|(stream, file)| (stream, size(&file))).collect::<Vec<_>>()
        });
        let mut sizes = Vec::new();
        for (stream, size) in measured.await.unwrap_or_default() {
            if stream.grow(size, stream.stamp()) {
                sizes.push((stream.id, size));
                self.listener.changed(&stream);
            }
        }
        self.write_sizes(sizes).await
    }
}
