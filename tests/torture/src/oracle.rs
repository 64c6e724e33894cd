//! Compares what was written with what arrived. It knows the writer's books, the ledger of the proxy and what the host
//! reported, and it believes nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::accounts::{Account, balance};
use crate::books::{Books, Generation, Id};
use crate::host::{LAKE_BUCKET, MIRROR_BUCKET};
use crate::ledger::Puts;
use crate::texts::{Texts, excerpt};
use crate::verdict::{Difference, Tally};

/// The sink of that name writes to CloudWatch.
pub const CLOUDWATCH: &str = "cloudwatch";
/// The sink of that name mirrors files.
pub const MIRROR: &str = "s3";
/// The sink of that name has layout `batch`.
pub const LAKE: &str = "lake";

/// What arrived, and how.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Of each log stream its events in the order of arrival: milliseconds and message.
    pub log_streams: BTreeMap<String, Vec<(i64, String)>>,
    /// Of each log stream its puts.
    pub puts: Puts,
    /// Objects of the mirror.
    pub mirror: BTreeMap<String, Vec<u8>>,
    /// Objects of layout `batch`, where there is such a sink.
    pub lake: Option<BTreeMap<String, Vec<u8>>>,
    /// Of each object, as `/bucket/key`, how long it is for all that the host knows; in bytes.
    pub known_lengths: BTreeMap<String, usize>,
    /// What the host has written down as lost at the source: bytes by sink and path.
    pub reports: BTreeMap<(String, String), u64>,
    /// When the host was there, from when it looked at files to its end.
    pub ups: Vec<(Instant, Instant)>,
}

/// What a sink has of one generation.
#[derive(Clone, Debug, Default)]
pub struct Has {
    /// How often each piece came.
    pub times: Vec<u32>,
    /// Bytes from the front without a gap.
    pub bytes: usize,
    /// Bytes that did not arrive.
    pub missing: usize,
    /// Some of it arrived without the host knowing it for sure: so many bytes.
    pub unsure: usize,
}

type HasAll = BTreeMap<Id, Has>;

/// Compares all of it.
pub fn compare(books: &Books, arrived: &Arrived) -> Result<Tally, Difference> {
    let texts = Texts::of(books);
    let mut tally = Tally::default();
    let mut has = BTreeMap::new();
    has.insert(CLOUDWATCH, log_streams(books, &texts, arrived, &mut tally)?);
    has.insert(MIRROR, mirror(books, arrived, &mut tally)?);
    if let Some(objects) = &arrived.lake {
        has.insert(LAKE, lake(books, &texts, objects, &arrived.known_lengths)?);
    }
    let mut accounts: BTreeMap<(&str, u32), Account> = BTreeMap::new();
    let furthest: BTreeMap<Id, usize> = books
        .generations
        .keys()
        .map(|&id| {
            let known = |sink: &HasAll| sink.get(&id).map_or(0, |it| it.bytes.saturating_sub(it.unsure));
            (id, has.values().map(known).max().unwrap_or_default())
        })
        .collect();
    for (&sink, has) in &has {
        for (&id, generation) in &books.generations {
            let default = Has::default();
            let it = has.get(&id).unwrap_or(&default);
            let account = accounts.entry((sink, id.family)).or_default();
            account.enter(sink, id, generation, it, furthest[&id], &arrived.ups)?;
        }
    }
    balance(&accounts, books, &arrived.reports, &mut tally)?;
    Ok(tally)
}

fn log_streams(
    books: &Books,
    texts: &Texts,
    arrived: &Arrived,
    tally: &mut Tally,
) -> Result<HasAll, Difference> {
    let mut has = empty(books);
    let mut allowed: BTreeMap<(Id, usize), u32> = BTreeMap::new();
    let mut sure: BTreeSet<(Id, usize)> = BTreeSet::new();
    let none = Vec::new();
    for (name, events) in &arrived.log_streams {
        let place = format!("log stream {name}");
        let puts = arrived.puts.get(name).unwrap_or(&none);
        let put: usize = puts.iter().map(|put| put.events).sum();
        if put != events.len() {
            return Err(Difference::new(
                "the harness's own books",
                &place,
                format!("{put} events passed the proxy, {} are there", events.len()),
            ));
        }
        let mut order = Order::default();
        let mut events = events.iter();
        for put in puts {
            let mut brought = BTreeSet::new();
            for (time, message) in events.by_ref().take(put.events) {
                let Some(it) = texts.place(message, &place)? else { continue };
                order.next(&place, *time, it.id, it.pieces.clone(), &has[&it.id].times).inspect_err(
                    |_| {
                        tally.disorder += 1;
                    },
                )?;
                for piece in it.pieces {
                    let times = &mut has.get_mut(&it.id).expect("it was found there").times[piece];
                    let allowed = allowed.get(&(it.id, piece)).copied().unwrap_or_default();
                    if *times > allowed {
                        let what = "repeated more often than kills and lost replies allow";
                        let detail = format!("comes for the time {}, {} allowed", *times + 1, allowed + 1);
                        return Err(Difference::new(what, &place, detail).about(it.id, piece));
                    }
                    *times += 1;
                    brought.insert((it.id, piece));
                }
            }
            order.put_ends();
            if put.may_repeat == 0 {
                sure.append(&mut brought);
            }
            // From now on: what it brought itself is not excused by its lost reply.
            for piece in brought {
                *allowed.entry(piece).or_default() += put.may_repeat;
            }
        }
    }
    for (&id, generation) in &books.generations {
        let it = has.get_mut(&id).expect("each has an entry");
        for (piece, &times) in it.times.iter().enumerate() {
            let allowed = allowed.get(&(id, piece)).copied().unwrap_or_default();
            tally.arrived += usize::from(times > 0);
            tally.repeated += times.saturating_sub(1) as usize;
            tally.repeatable += allowed as usize;
            if times > 0 && !sure.contains(&(id, piece)) {
                it.unsure += generation.piece(piece).len();
            }
        }
        it.count(generation);
        it.end_alone_is_missing(generation, id)?;
    }
    Ok(has)
}

/// The order of one log stream: each file's lines as in the file, by time within a put.
#[derive(Default)]
struct Order {
    /// The last piece that earlier puts brought, of each generation.
    before: BTreeMap<Id, usize>,
    /// What this put brought: the last time and piece.
    here: BTreeMap<Id, (i64, usize, usize)>,
}

impl Order {
    fn next(
        &mut self,
        place: &str,
        time: i64,
        id: Id,
        pieces: std::ops::Range<usize>,
        times: &[u32],
    ) -> Result<(), Difference> {
        let (first, last) = (pieces.start, pieces.end - 1);
        let wrong = |than: usize, how: &str| {
            let detail = format!("comes after <u:{id}.{than}>, which is behind it in the file{how}");
            Err(Difference::new("out of order", place, detail).about(id, first))
        };
        let is_new = pieces.clone().all(|piece| times[piece] == 0);
        if let Some(&before) = self.before.get(&id).filter(|&&before| is_new && before > first) {
            return wrong(before, "");
        }
        let highest = match self.here.get(&id) {
            Some(&(then, there, _)) if then == time && there > first => {
                return wrong(there, ", at the same time");
            }
            Some(&(then, there, _)) if then > time => {
                return wrong(there, ", and has a later time");
            }
            Some(&(_, _, highest)) => highest.max(last),
            None => last,
        };
        self.here.insert(id, (time, last, highest));
        Ok(())
    }

    fn put_ends(&mut self) {
        for (id, (_, _, highest)) in std::mem::take(&mut self.here) {
            let before = self.before.entry(id).or_default();
            *before = highest.max(*before);
        }
    }
}

fn mirror(books: &Books, arrived: &Arrived, tally: &mut Tally) -> Result<HasAll, Difference> {
    let mut has = empty(books);
    let mut taken: BTreeMap<Id, &str> = BTreeMap::new();
    for (key, body) in &arrived.mirror {
        let of_this_name = books.generations.iter().filter(|(_, it)| {
            it.names.iter().any(|name| {
                key.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        });
        let mut candidates: Vec<_> = of_this_name.collect();
        candidates.sort_by_key(|(_, it)| std::cmp::Reverse(common(&it.bytes, body)));
        let place = format!("object {key}");
        let Some(&(&id, generation)) = candidates.first() else {
            return Err(Difference::new("an object of nobody's", &place, format!("{} bytes", body.len())));
        };
        let same = common(&generation.bytes, body);
        if same < body.len() {
            let around = |bytes: &[u8]| {
                let text =
                    String::from_utf8_lossy(&bytes[same.saturating_sub(30)..bytes.len().min(same + 60)]);
                excerpt(&text, 0).to_owned()
            };
            return Err(Difference::new(
                "an object that is not its file",
                &place,
                format!(
                    "differs from generation {id} at byte {same} of {}: written {:?}, arrived {:?}",
                    body.len(),
                    around(&generation.bytes),
                    around(body)
                ),
            ));
        }
        if let Some(other) = taken.insert(id, key)
            && !generation.copied
        {
            return Err(Difference::new(
                "two objects of one generation",
                &place,
                format!("{id} is also {other}"),
            ));
        }
        let it = has.get_mut(&id).expect("each has an entry");
        it.bytes = it.bytes.max(body.len());
        it.missing = generation.bytes.len() - it.bytes;
        let known = arrived.known_lengths.get(&format!("/{MIRROR_BUCKET}/{key}"));
        it.unsure = known.map_or(0, |&known| it.bytes.saturating_sub(known));
        if body.len() == generation.bytes.len() {
            tally.identical += 1;
        } else {
            tally.beginnings += 1;
        }
    }
    for (&id, generation) in books.generations.iter().filter(|(_, it)| it.ended.is_none()) {
        let there = has[&id].bytes;
        if there < generation.bytes.len() {
            return Err(Difference::new(
                "an object that lacks the end of its file",
                generation.name(),
                format!("generation {id} has {} bytes, its object {there}", generation.bytes.len()),
            ));
        }
    }
    Ok(has)
}

/// Layout `batch`: each event in one object, whatever happened.
fn lake(
    books: &Books,
    texts: &Texts,
    objects: &BTreeMap<String, Vec<u8>>,
    known: &BTreeMap<String, usize>,
) -> Result<HasAll, Difference> {
    let mut has = empty(books);
    let mut seen: BTreeMap<(Id, usize), &str> = BTreeMap::new();
    for (key, body) in objects {
        let place = format!("object {key}");
        let known = known.get(&format!("/{LAKE_BUCKET}/{key}"));
        let unsure = known.is_some_and(|&known| known < body.len());
        let body = String::from_utf8_lossy(body);
        let mut last: BTreeMap<Id, usize> = BTreeMap::new();
        for line in body.split('\n') {
            let Some(it) = texts.place(line, &place)? else { continue };
            if let Some(&before) = last.get(&it.id).filter(|&&before| before > it.pieces.start) {
                let detail = format!("comes after <u:{}.{before}>", it.id);
                return Err(Difference::new("out of order", &place, detail).about(it.id, it.pieces.start));
            }
            last.insert(it.id, it.pieces.end - 1);
            for piece in it.pieces {
                if let Some(other) = seen.insert((it.id, piece), key) {
                    return Err(Difference::new("in two objects", &place, format!("and in {other}"))
                        .about(it.id, piece));
                }
                let entry = has.get_mut(&it.id).expect("it was found there");
                entry.times[piece] += 1;
                if unsure {
                    entry.unsure += books.generations[&it.id].piece(piece).len();
                }
            }
        }
    }
    for (id, generation) in &books.generations {
        has.get_mut(id).expect("each has an entry").count(generation);
    }
    Ok(has)
}

/// Nothing arrived yet.
fn empty(books: &Books) -> HasAll {
    let none =
        |it: &Generation| Has { times: vec![0; it.pieces.len()], missing: it.bytes.len(), ..Has::default() };
    books.generations.iter().map(|(&id, it)| (id, none(it))).collect()
}

impl Has {
    fn count(&mut self, generation: &Generation) {
        let lacks = |&piece: &usize| self.times[piece] == 0;
        let lacking: Vec<usize> = (0..self.times.len()).filter(lacks).collect();
        self.missing = lacking.iter().map(|&piece| generation.piece(piece).len()).sum();
        self.bytes = lacking.first().map_or(generation.bytes.len(), |&piece| generation.pieces[piece]);
    }

    /// Events leave in order: before one that arrived none is missing.
    fn end_alone_is_missing(&self, generation: &Generation, id: Id) -> Result<(), Difference> {
        let first_missing = self.times.iter().position(|&times| times == 0);
        let Some(missing) = first_missing else { return Ok(()) };
        let Some(after) = self.times[missing..].iter().position(|&times| times > 0) else { return Ok(()) };
        let detail = format!("never came to CloudWatch, though <u:{id}.{}> behind it did", missing + after);
        Err(Difference::new("lost", generation.name(), detail).about(id, missing))
    }
}

fn common(one: &[u8], other: &[u8]) -> usize {
    if one.starts_with(other) {
        return other.len();
    }
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
