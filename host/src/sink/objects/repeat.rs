//! After a restart: puts what was written down and perhaps not put, and knows what need not be taken again.

use super::{Objects, Part};
use crate::cursor::{ChunkRow, ObjectRow, StreamId};
use crate::event::Recipe;
use crate::lane::Lane;
use crate::lanes::Plan;
use crate::transform::Step;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often to look whether the streams of an object are there by now.
const LOOK: Duration = Duration::from_millis(50);
/// How long to wait for a guest or a file that fails.
const PAUSE: Duration = Duration::from_secs(2);

/// What an earlier run decided about batches that cursors are not past yet.
#[derive(Debug, Default)]
pub struct Before(Mutex<HashMap<StreamId, Decided>>);

#[derive(Debug, Default)]
struct Decided {
    /// Objects with parts of this stream that are not put yet.
    undone: usize,
    /// Batches by where they begin: how they were made, and which of their events are in objects.
    batches: BTreeMap<u64, (Recipe, Vec<Held>)>,
}

/// Events of a batch that are in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    folder: String,
    events: u64,
    key: Arc<str>,
}

impl Held {
    /// Whether these are the very same events, as far as anybody can tell.
    pub fn holds(&self, part: &Part) -> bool {
        part.is(&self.folder, self.events)
    }

    /// Of the object.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Before {
    /// As the store has it.
    pub fn new(objects: &[ObjectRow]) -> Self {
        let mut streams: HashMap<StreamId, Decided> = HashMap::new();
        for object in objects {
            let key: Arc<str> = object.key.as_str().into();
            for chunk in &object.chunks {
                let decided = streams.entry(chunk.stream).or_default();
                decided.undone += usize::from(!object.stored);
                let batch = decided.batches.entry(chunk.recipe.offset).or_insert((chunk.recipe, Vec::new()));
                let (folder, events) = (object.folder.clone(), chunk.events);
                batch.1.push(Held { folder, events, key: key.clone() });
            }
        }
        Self(Mutex::new(streams))
    }

    /// Whether a stream has to wait for an object that is not put yet.
    pub fn is_undone(&self, stream: StreamId) -> bool {
        self.decided().get(&stream).is_some_and(|decided| decided.undone > 0)
    }

    /// What the batch at this offset has to be.
    pub fn plan(&self, stream: StreamId, offset: u64) -> Plan {
        let decided = self.decided();
        let next = decided.get(&stream).and_then(|it| it.batches.range(offset..).next());
        match next {
            None => Plan::Free,
            Some((&at, (recipe, _))) if at == offset => Plan::Again(*recipe),
            Some((&at, _)) => Plan::UpTo(at),
        }
    }

    /// Something of the batch at this offset is in objects already.
    pub fn holds(&self, stream: StreamId, offset: u64) -> bool {
        self.decided().get(&stream).is_some_and(|decided| decided.batches.contains_key(&offset))
    }

    /// What of the batch at this offset is in objects already. Forgets it: a batch is taken once.
    pub fn take(&self, stream: StreamId, offset: u64) -> Vec<Held> {
        let mut streams = self.decided();
        let Some(decided) = streams.get_mut(&stream) else { return Vec::new() };
        let held = decided.batches.remove(&offset).map(|(_, held)| held).unwrap_or_default();
        if decided.batches.is_empty() && decided.undone == 0 {
            streams.remove(&stream);
        }
        held
    }

    /// An object with parts of this stream is put, with this part or without.
    fn done(&self, folder: &str, chunk: &ChunkRow, with: bool) {
        let mut streams = self.decided();
        let Some(decided) = streams.get_mut(&chunk.stream) else { return };
        decided.undone = decided.undone.saturating_sub(1);
        let offset = chunk.recipe.offset;
        if !with && let Some((_, held)) = decided.batches.get_mut(&offset) {
            held.retain(|held| held.folder != folder);
            if held.is_empty() {
                decided.batches.remove(&offset);
            }
        }
    }

    fn decided(&self) -> MutexGuard<'_, HashMap<StreamId, Decided>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chunk of an object that is made again.
enum Again {
    Text(Part),
    /// Never again: its file is lost, or its events are others by now.
    Not,
    /// Not now.
    Later,
}

impl Objects {
    /// Puts what an earlier run left undone, oldest first. Streams that it speaks of wait for it, others go on.
    pub(super) async fn repeat(self: Arc<Self>, mut objects: Vec<ObjectRow>, sources: Vec<String>) {
        while !objects.is_empty() {
            let mut left = Vec::new();
            for object in objects {
                match self.repeat_one(&object).await {
                    Some(with) => self.finish(&object, &with).await,
                    None => left.push(object),
                }
            }
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK).await;
            if left.iter().flat_map(|object| &object.chunks).any(|it| self.lanes.get(it.stream).is_none()) {
                self.without_lost_streams(&mut left, &sources).await;
            }
            objects = left;
        }
    }

    /// A stream that has vanished meanwhile is lost, and counted so; the rest of the object is not.
    async fn without_lost_streams(&self, left: &mut [ObjectRow], sources: &[String]) {
        let Ok(fresh) = self.store.objects(&self.lanes.sink, sources.to_vec()).await else { return };
        let there: HashMap<_, HashSet<StreamId>> = fresh
            .iter()
            .map(|object| (object.id, object.chunks.iter().map(|chunk| chunk.stream).collect()))
            .collect();
        for object in left {
            if let Some(streams) = there.get(&object.id) {
                object.chunks.retain(|chunk| streams.contains(&chunk.stream));
            }
        }
    }

    /// Which of its chunks the object is put with. None: something it needs is not there yet.
    async fn repeat_one(self: &Arc<Self>, object: &ObjectRow) -> Option<Vec<ChunkRow>> {
        let lanes: Option<Vec<Arc<Lane>>> =
            object.chunks.iter().map(|chunk| self.lanes.get(chunk.stream)).collect();
        let lanes = lanes?;
        let (mut text, mut events, mut with) = (Vec::new(), 0, Vec::new());
        for (lane, chunk) in lanes.iter().zip(&object.chunks) {
            match self.make_again(lane, chunk, &object.folder).await {
                Again::Text(part) => {
                    text.extend_from_slice(&part.text);
                    events += part.events;
                    with.push(chunk.clone());
                }
                Again::Not => {}
                Again::Later => {
                    tokio::time::sleep(PAUSE).await;
                    return None;
                }
            }
        }
        if let Some(first) = lanes.first()
            && !text.is_empty()
        {
            let new = self.put(&object.key, text, &first.stream.origin).await;
            self.lanes.counters.delivered.add(events);
            if !new {
                // It was put before, and then with all that was written down.
                with.clone_from(&object.chunks);
            }
        }
        Some(with)
    }

    async fn make_again(self: &Arc<Self>, lane: &Arc<Lane>, chunk: &ChunkRow, folder: &str) -> Again {
        let Some(chain) = lane.chain.clone() else { return Again::Not };
        loop {
            let (sink, there, recipe) = (self.clone(), (lane.clone(), chain.clone()), chunk.recipe);
            let (folder, events) = (folder.to_owned(), chunk.events);
            let failing = chain.is_sick() || self.naming.is_sick();
            let made = self.workers.run_apart(failing, move || {
                let (lane, chain) = there;
                let named_by = sink.naming.generation();
                Ok(Some(match chain.remake(&lane.stream, &recipe) {
                    Step::Batch(batch) => {
                        let names = sink.naming.of_batch(&lane, &batch);
                        // Under another name it would not be known again.
                        if names.unanswered_until.is_some() {
                            return Ok(Some(Again::Later));
                        }
                        // Labels of the transforms of before are not for the router of now.
                        if sink.naming.generation() != named_by {
                            return Ok(None);
                        }
                        let part =
                            sink.parts(&batch, &names).into_iter().find(|part| part.is(&folder, events));
                        part.map_or(Again::Not, Again::Text)
                    }
                    Step::End => Again::Not,
                    Step::Unreadable(error) => return Err(error),
                    Step::Halt(_) | Step::Wait { .. } => Again::Later,
                    Step::Elsewhere => return Ok(None),
                }))
            });
            match made.await {
                Ok(Ok(Some(again))) => return again,
                Ok(Ok(None)) => {}
                // Gone for good: the lane counts it as lost when it comes there.
                Ok(Err(error)) if self.lanes.is_lost(lane, &error) => return Again::Not,
                Ok(Err(_)) | Err(_) => return Again::Later,
            }
        }
    }

    async fn finish(&self, object: &ObjectRow, with: &[ChunkRow]) {
        self.lanes.persist(|| self.store.stored_with(object.id, with)).await;
        let held: HashSet<_> = with.iter().map(|chunk| (chunk.stream, chunk.recipe.offset)).collect();
        for chunk in &object.chunks {
            let with = held.contains(&(chunk.stream, chunk.recipe.offset));
            self.before.done(&object.folder, chunk, with);
        }
        self.forget_passed().await;
        self.waiting.wake(&self.lanes.schedule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, end: u64) -> ChunkRow {
        let recipe = Recipe { offset, shown: end - offset, ..Recipe::default() };
        ChunkRow { stream: 1, recipe, end, events: 7, bytes: end - offset }
    }

    fn held(folders: &[&str]) -> Vec<Held> {
        folders.iter().map(|&folder| Held { folder: folder.into(), events: 7, key: folder.into() }).collect()
    }

    fn object(folder: &str, stored: bool, chunks: Vec<ChunkRow>) -> ObjectRow {
        let (folder, shape) = (folder.to_owned(), "json none".to_owned());
        ObjectRow { id: 1, key: folder.clone(), folder, shape, stored, chunks }
    }

    #[test]
    fn batches_that_were_decided_are_made_again_and_others_end_before_them() {
        let before = Before::new(&[
            object("b", true, vec![chunk(10, 20), chunk(30, 40)]),
            object("a", true, vec![chunk(10, 20)]),
        ]);
        assert!(matches!(before.plan(1, 0), Plan::UpTo(10)));
        assert!(before.take(1, 0).is_empty());
        assert!(matches!(before.plan(1, 10), Plan::Again(recipe) if recipe.shown == 10));
        assert_eq!(before.take(1, 10), held(&["b", "a"]));
        assert!(matches!(before.plan(1, 20), Plan::UpTo(30)));
        assert_eq!(before.take(1, 30), held(&["b"]));
        assert!(matches!(before.plan(1, 40), Plan::Free));
        assert!(matches!(before.plan(2, 0), Plan::Free));
    }

    #[test]
    fn what_an_object_was_put_without_is_taken_again() {
        let before = Before::new(&[
            object("a", false, vec![chunk(0, 10), chunk(10, 20)]),
            object("b", true, vec![chunk(10, 20)]),
        ]);
        before.done("a", &chunk(0, 10), false);
        before.done("a", &chunk(10, 20), false);
        assert!(matches!(before.plan(1, 0), Plan::UpTo(10)), "how that batch was made matters no more");
        assert_eq!(before.take(1, 10), held(&["b"]));
    }

    #[test]
    fn other_events_of_a_folder_of_the_same_name_are_not_held() {
        let part = |folder: &str, which| Part { which, ..Part::of(folder.to_owned()) };
        let held = Held { folder: "a".into(), events: 7, key: "k".into() };
        assert!(held.holds(&part("a", 7)) && !held.holds(&part("a", 8)) && !held.holds(&part("b", 7)));
    }

    #[test]
    fn a_stream_waits_for_every_object_of_its_own_that_is_not_put() {
        let before =
            Before::new(&[object("a", false, vec![chunk(0, 10)]), object("b", false, vec![chunk(0, 10)])]);
        before.done("a", &chunk(0, 10), true);
        assert!(before.is_undone(1) && !before.is_undone(2));
        before.done("b", &chunk(0, 10), true);
        assert!(!before.is_undone(1));
        assert_eq!(before.take(1, 0), held(&["a", "b"]));
    }
}
