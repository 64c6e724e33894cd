//! What the names of members mean, looked up once a batch: a log says the same few names in each of its lines, if not
//! always in the same order.

use updraft_guest::Key;
use updraft_guest::json::{Json, Name, ShortName};

/// What a member is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    Timestamp,
    Asctime,
    Level,
    Levelname,
    Event,
    Message,
    Logger,
    /// What Python's own formatter calls the logger.
    Name,
    DagId,
    RunId,
    TaskId,
    MapIndex,
    TryNumber,
    Filename,
    Lineno,
    ErrorDetail,
    Exception,
    /// None of these.
    Other,
}

const KNOWN: [(What, &str); 17] = [
    (What::Timestamp, "timestamp"),
    (What::Asctime, "asctime"),
    (What::Level, "level"),
    (What::Levelname, "levelname"),
    (What::Event, "event"),
    (What::Message, "message"),
    (What::Logger, "logger"),
    (What::Name, "name"),
    (What::DagId, "dag_id"),
    (What::RunId, "run_id"),
    (What::TaskId, "task_id"),
    (What::MapIndex, "map_index"),
    (What::TryNumber, "try_number"),
    (What::Filename, "filename"),
    (What::Lineno, "lineno"),
    (What::ErrorDetail, "error_detail"),
    (What::Exception, "exception"),
];

/// The same names as numbers.
const SHORT: [ShortName; KNOWN.len()] = {
    let mut short = [ShortName::known(""); KNOWN.len()];
    let mut at = 0;
    while at < KNOWN.len() {
        assert!(KNOWN[at].0 as usize == at);
        short[at] = ShortName::known(KNOWN[at].1);
        at += 1;
    }
    short
};

impl What {
    /// Its name; none for what is not known.
    pub fn name(self) -> &'static str {
        KNOWN.get(self as usize).map_or("", |(_, name)| *name)
    }

    fn of(short: ShortName) -> Self {
        SHORT.iter().position(|known| *known == short).map_or(Self::Other, |at| KNOWN[at].0)
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Which of what is known a record has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Present(u32);

impl Present {
    pub fn add(&mut self, what: What) {
        self.0 |= what.bit();
    }

    fn has(self, what: What) -> bool {
        self.0 & what.bit() != 0
    }
}

/// How a dialect calls the three members that every record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    pub time: What,
    pub level: What,
    pub message: What,
}

impl Names {
    const STRUCTLOG: Self = Self { time: What::Timestamp, level: What::Level, message: What::Event };
    pub const ELASTIC: Self = Self { time: What::Asctime, level: What::Levelname, message: What::Message };
    const GENERIC: Self = Self { time: What::Timestamp, level: What::Level, message: What::Message };

    /// The dialect of an object; none when it is not a log record (somebody printed it).
    pub fn of(present: Present) -> Option<Self> {
        let has = |what| present.has(what);
        let records = [Self::STRUCTLOG, Self::ELASTIC].into_iter();
        let mut records = records.filter(|it| has(it.message) && (has(it.time) || has(it.level)));
        records.next().or_else(|| {
            let it = Self::GENERIC;
            (has(it.message) && has(it.time) && has(it.level)).then_some(it)
        })
    }
}

/// A member of a record.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// With its quotes.
    pub name: &'a [u8],
    pub value: Json<'a>,
    pub what: What,
    /// Where its name was met.
    pub met: Option<Place>,
}

/// Where in [`Met`] a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u8);

/// The names that a batch has, what they mean, and the keys of the attributes that they become. There is no room for
/// more than a log has that means well: other names are looked up each time.
///
/// A table each, of which nearly all bytes are the same, so that to make one for a small batch costs little.
#[derive(Debug)]
pub struct Met<'a> {
    short: [ShortName; SHORT_NAMES],
    what: [What; SHORT_NAMES],
    long: Vec<&'a [u8]>,
    /// Those of the short names by their number, then those of the long ones in the order of these.
    keys: [Option<Key>; SHORT_NAMES + LONG_NAMES],
}

const BITS: u32 = 7;
const SHORT_NAMES: usize = 1 << BITS;
/// Places that are looked at for a short name.
const TRIES: usize = 4;
const LONG_NAMES: usize = 16;
/// Longest name that is worth to be kept.
const LONGEST: usize = 64;
/// Stands where there is no name yet; itself it is never kept.
const EMPTY: ShortName = ShortName::known("");

impl<'a> Met<'a> {
    /// None yet.
    pub fn new() -> Self {
        Self {
            short: [EMPTY; SHORT_NAMES],
            what: [What::Other; SHORT_NAMES],
            long: Vec::new(),
            keys: [None; SHORT_NAMES + LONG_NAMES],
        }
    }

    /// What a name means, and its place, where it has one.
    #[inline]
    pub fn look_up(&mut self, name: Name<'a>) -> (What, Option<Place>) {
        let Some(short) = name.short else {
            return (What::Other, name.json.plain().and_then(|name| self.look_up_long(name)));
        };
        let slot = short.slot(BITS);
        if self.short[slot] == short && short != EMPTY {
            (self.what[slot], Some(Place(slot as u8)))
        } else {
            self.meet(short, slot)
        }
    }

    #[inline(never)]
    fn meet(&mut self, short: ShortName, slot: usize) -> (What, Option<Place>) {
        if short == EMPTY {
            return (What::Other, None);
        }
        for slot in (slot..slot + TRIES).map(|slot| slot % SHORT_NAMES) {
            if self.short[slot] == EMPTY {
                (self.short[slot], self.what[slot]) = (short, What::of(short));
            }
            if self.short[slot] == short {
                return (self.what[slot], Some(Place(slot as u8)));
            }
        }
        (What::of(short), None)
    }

    #[inline(never)]
    fn look_up_long(&mut self, name: &'a [u8]) -> Option<Place> {
        if name.len() > LONGEST {
            return None;
        }
        let at = self.long.iter().position(|known| *known == name).or_else(|| {
            (self.long.len() < LONG_NAMES).then(|| {
                self.long.push(name);
                self.long.len() - 1
            })
        });
        at.map(|at| Place((SHORT_NAMES + at) as u8))
    }

    /// The key that was kept for a name.
    #[inline]
    pub fn key(&mut self, place: Place) -> &mut Option<Key> {
        &mut self.keys[usize::from(place.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use updraft_guest::json::each_member;

    #[test]
    fn a_name_keeps_its_place_where_there_was_room_and_its_meaning_always() {
        let others: Vec<String> = (0..300).flat_map(|at| [format!("o{at}"), format!("{at:020}")]).collect();
        let names = others.iter().map(String::as_str).chain(KNOWN.map(|(_, name)| name));
        let members: Vec<String> = names.map(|name| format!("\"{name}\":1")).collect();
        let object = format!("{{{}}}", members.join(","));
        let mut met = Met::new();
        let mut look_all_up = || {
            let mut found = Vec::new();
            let _ = each_member(object.as_bytes(), |name, _| found.push(met.look_up(name)));
            found
        };
        let found = look_all_up();
        assert_eq!(look_all_up(), found);
        let kept: Vec<u8> = found.iter().filter_map(|(_, place)| place.map(|it| it.0)).collect();
        assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), kept.len());
        assert!(kept.len() > SHORT_NAMES / 2);
        let (others, known) = found.split_at(others.len());
        assert!(others.iter().all(|(what, _)| *what == What::Other));
        assert!(known.iter().map(|(what, _)| *what).eq(KNOWN.map(|(what, _)| what)));
    }
}
