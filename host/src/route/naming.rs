//! The names of one sink: what its own templates say, and what its router makes of that. Decided once for each stream and
//! label, and kept.

use super::standard::{FellBack, Part, Standard};
use super::target::{Question, Target};
use super::template::Names;
use crate::config::{Env, Role};
use crate::cursor::StreamId;
use crate::event::{Batch, NotHere, Origin, StreamKind};
use crate::lane::Lane;
use crate::sink::complaint::Complaint;
use crate::transform::{Halted, Router, Unanswered};
use lru::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Names that are kept, the latest used. One takes about 300 bytes, and by the services' rules 3 KiB at most.
const KEPT: usize = 16_384;
/// A router that failed on a name is asked again after this.
const ASK_AGAIN: Duration = Duration::from_mins(5);

/// The names of one sink.
pub struct Naming<S: Standard> {
    sink: String,
    kind: &'static str,
    standard: S,
    env: Env,
    router: Option<Arc<Router>>,
    known: Mutex<Known<S::Name>>,
    complaint: Mutex<Complaint>,
}

struct Known<N> {
    /// Of which build of the router.
    generation: u64,
    /// By stream and the label's hash: a label may be long.
    names: LruCache<(StreamId, u64), Decided<N>>,
    hasher: RandomState,
}

/// What was decided of a stream and label.
#[derive(Debug, Clone)]
pub struct Decided<N> {
    /// The name; none: not to this sink.
    pub name: Option<N>,
    /// Its router did not answer, so it is the sink's own name, until then. None: it is good for as long as the router is
    /// the same.
    pub unanswered_until: Option<Instant>,
}

/// Where the events of a batch go in one sink, by label.
pub struct Named<N> {
    names: Vec<Option<N>>,
    /// Labels that do not go there.
    pub not_here: NotHere,
    /// A router did not answer, so some go by the sink's own name until then.
    pub unanswered_until: Option<Instant>,
}

impl<N> Named<N> {
    /// The name for a label of the batch, by its index; none: no event of it goes to the sink.
    pub fn of(&self, label: u16) -> Option<&N> {
        self.names.get(usize::from(label))?.as_ref()
    }

    /// All names that events of it go by.
    pub fn all(&self) -> impl Iterator<Item = &N> {
        self.names.iter().flatten()
    }
}

impl<S: Standard> Naming<S> {
    /// None decided yet.
    pub fn new(sink: &str, kind: &'static str, standard: S, env: Env, router: Option<Arc<Router>>) -> Self {
        let names = LruCache::new(NonZero::new(KEPT).unwrap_or(NonZero::<usize>::MIN));
        Self {
            sink: sink.to_owned(),
            kind,
            standard,
            env,
            router,
            known: Mutex::new(Known { generation: 0, names, hasher: RandomState::new() }),
            complaint: Mutex::default(),
        }
    }

    /// Whether a router has a say.
    pub fn is_routed(&self) -> bool {
        self.router.is_some()
    }

    /// Its router failed of late: it is not for the threads that others need as well.
    pub fn is_sick(&self) -> bool {
        self.router.as_ref().is_some_and(|router| router.is_sick())
    }

    /// Where the events of a batch go. A router may be asked: blocks, on a worker thread.
    pub fn of_batch(&self, lane: &Lane, batch: &Batch) -> Named<S::Name> {
        let labels = &batch.events.label_names;
        let mut names: Vec<Option<S::Name>> = labels.iter().map(|_| None).collect();
        let (mut asked, mut not_here) = (vec![false; labels.len()], NotHere::default());
        let (mut unanswered_until, mut unasked) = (None, labels.len());
        for event in batch.iter() {
            if unasked == 0 {
                break;
            }
            let (Some(label), index) = (event.label(), event.label_index()) else { continue };
            if std::mem::replace(&mut asked[usize::from(index)], true) {
                continue;
            }
            unasked -= 1;
            let known = self.known_name(lane, label);
            let decided = match (known, unanswered_until) {
                (Some(known), _) => known,
                (None, None) => self.name(lane, label),
                // One failure is enough for a batch.
                (None, Some(_)) => Decided { name: Some(self.own_name(lane, label)), unanswered_until },
            };
            unanswered_until = unanswered_until.or(decided.unanswered_until);
            if decided.name.is_none() {
                not_here.add(index);
            }
            names[usize::from(index)] = decided.name;
        }
        Named { names, not_here, unanswered_until }
    }

    /// Where the events of a stream and label go. A router may be asked: blocks, on a worker thread.
    pub fn name(&self, lane: &Lane, label: &str) -> Decided<S::Name> {
        if let Some(known) = self.known_name(lane, label) {
            return known;
        }
        // Before it is asked: if another takes over meanwhile, its answer is not kept.
        let generation = self.generation();
        let decided = self.decide(lane, label);
        let mut known = self.known();
        if known.generation == generation {
            let key = known.key(lane, label);
            known.names.put(key, decided.clone());
        }
        decided
    }

    /// The same if it is decided already.
    pub fn known_name(&self, lane: &Lane, label: &str) -> Option<Decided<S::Name>> {
        let generation = self.generation();
        let mut known = self.known();
        if known.generation != generation {
            known.generation = generation;
            known.names.clear();
        }
        let key = known.key(lane, label);
        let decided = known.names.get(&key)?;
        decided.unanswered_until.is_none_or(|until| until > Instant::now()).then(|| decided.clone())
    }

    /// What a stream waits for whose router did not answer.
    pub fn halted(&self, until: Instant) -> Halted {
        let transform = self.router.as_ref().map_or_else(String::new, |router| router.id().to_owned());
        let why = "it fails, and what was delivered before is not to change for that".to_owned();
        Halted { transform, role: Role::Router, why, until: Some(until) }
    }

    /// What the sink's own templates say.
    pub fn own_name(&self, lane: &Lane, label: &str) -> S::Name {
        let origin = &lane.stream.origin;
        let (name, parts) = self.standard.name(&Names { origin, label, env: &self.env });
        for Part { field, template, fell_back, .. } in &parts {
            match fell_back {
                Some(why) if lane.first_time(Complaint::FELL_BACK) => match why {
                    FellBack::Lacking => tracing::warn!(sink = %self.sink, path = %origin.path,
                        "{field} `{template}` {why}; its path is used instead"),
                    FellBack::Failed(error) => tracing::error!(sink = %self.sink, path = %origin.path,
                        "{field}: {error}; the path is used instead"),
                },
                _ => {}
            }
        }
        name
    }

    fn decide(&self, lane: &Lane, label: &str) -> Decided<S::Name> {
        let origin = &lane.stream.origin;
        let own = self.own_name(lane, label);
        // Dead letters are this host's own; nobody may keep them from where they go.
        let router = self.router.as_ref().filter(|_| origin.kind != StreamKind::DeadLetter);
        let Some(router) = router else { return Decided { name: Some(own), unanswered_until: None } };
        let question = Question {
            label: label.to_owned(),
            sink: self.sink.clone(),
            kind: self.kind,
            standard: self.standard.target(&own),
            rules: self.standard.rules(),
        };
        match router.ask(origin, &question) {
            Ok(None) => Decided { name: None, unanswered_until: None },
            Ok(Some(target)) => {
                let name = self.standard.of_target(target).unwrap_or(own);
                Decided { name: Some(name), unanswered_until: None }
            }
            Err(unanswered) => {
                self.say(router, origin, &question, &unanswered);
                let until = match unanswered {
                    Unanswered::Aside(until) => until,
                    Unanswered::Failed(_) => Instant::now() + ASK_AGAIN,
                };
                Decided { name: Some(own), unanswered_until: Some(until) }
            }
        }
    }

    fn say(&self, router: &Router, origin: &Origin, question: &Question, unanswered: &Unanswered) {
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        let Unanswered::Failed(error) = unanswered else { return };
        if complaint.raise(&error.gist(), Instant::now()) {
            let Question { label, standard, .. } = question;
            tracing::error!(sink = %self.sink, path = %origin.path, label, component = router.short_hash(),
                "route `{}`: {error}; events go to {standard}, which is the sink's own name, and it is asked again \
                 after {} minutes or a reload", router.id(), ASK_AGAIN.as_secs() / 60);
        }
    }

    /// How often its router was exchanged.
    pub fn generation(&self) -> u64 {
        self.router.as_ref().map_or(0, |router| router.generation())
    }

    fn known(&self) -> MutexGuard<'_, Known<S::Name>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N> Known<N> {
    fn key(&self, lane: &Lane, label: &str) -> (StreamId, u64) {
        (lane.stream.id, self.hasher.hash_one(label))
    }
}

/// What a router says of the events of a label, and what its sink makes of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The sink has no router.
    NoRouter,
    /// They go to the sink's own name.
    Standard,
    /// They go there.
    Changed(Target),
    /// They do not go to the sink.
    NotHere,
    /// It failed: they go to the sink's own name.
    Failed(String),
}

impl Answer {
    /// Asks. Blocks; not for a thread of an async runtime.
    pub fn of(router: Option<&Router>, origin: &Arc<Origin>, question: &Question) -> Self {
        let Some(router) = router.filter(|_| origin.kind != StreamKind::DeadLetter) else {
            return Self::NoRouter;
        };
        match router.ask(origin, question) {
            Ok(None) => Self::NotHere,
            Ok(Some(target)) if target == question.standard => Self::Standard,
            Ok(Some(target)) => Self::Changed(target),
            Err(unanswered) => Self::Failed(unanswered.to_string()),
        }
    }

    /// Where they go in the end; none: not to this sink.
    pub fn target<'a>(&'a self, standard: &'a Target) -> Option<&'a Target> {
        match self {
            Self::NoRouter | Self::Standard | Self::Failed(_) => Some(standard),
            Self::Changed(target) => Some(target),
            Self::NotHere => None,
        }
    }
}
