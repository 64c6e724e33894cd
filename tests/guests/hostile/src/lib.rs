//! A normalizer that misbehaves on demand: all that the host must bear from a component, in one.
//!
//! Its config is `{"do": "loop", "at": "lines", "match": "POISON"}`: what to do, and whether when it is configured
//! or, which is the default, whenever a batch contains the text of `match`, which is `POISON` if nothing is said. All
//! other lines are events as they stand. `random-trap` waits for no text, but for every call whose number `every`
//! divides; `huge` takes its size from `mib`, `flood` its length from `lines`, `ambient` where to connect to from
//! `connect`.

mod ambient;
mod deeds;

use std::fmt::Write;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use updraft_guest::json::Json;
use updraft_guest::{Events, Lines, LogStream, Normalizer};

/// Calls of `normalize` over the life of this instance: a fresh one begins anew.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Misbehaves as its config says.
#[derive(Debug)]
pub struct Hostile {
    config: Config,
    deed: String,
    trigger: String,
}

impl Normalizer for Hostile {
    fn configure(config: &str) -> Result<Self, String> {
        let config = Config(config.to_owned());
        let deed: String = config.option("do").ok_or("what shall I `do`?")?;
        if config.option::<String>("at").is_some_and(|at| at == "configure") {
            deeds::commit(&deed, &config)?;
        }
        let trigger = config.option("match").unwrap_or_else(|| "POISON".to_owned());
        Ok(Self { config, deed, trigger })
    }

    fn normalize(&mut self, _: &LogStream, lines: &Lines, events: &mut Events<'_>) -> Result<usize, String> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        if self.deed == "random-trap" && calls.is_multiple_of(self.config.option("every").unwrap_or(10)) {
            deeds::trap();
        }
        let poisoned = contains(lines.bytes(), self.trigger.as_bytes());
        if poisoned {
            deeds::commit(&self.deed, &self.config)?;
        }
        if poisoned && self.deed == "never-consume" {
            return Ok(0);
        }
        for line in lines {
            events.push(line);
        }
        if poisoned && self.deed == "huge" {
            swell(events, lines, self.config.option("mib").unwrap_or(48));
        }
        Ok(lines.len() + usize::from(poisoned && self.deed == "consume-too-many"))
    }
}

updraft_guest::export_normalizer!(Hostile);

/// Gives an event so many attributes of 1 MiB each, piece by piece: made at once, they would be in memory twice.
fn swell(events: &mut Events<'_>, lines: &Lines, mib: usize) {
    let piece = vec![b'x'; 1 << 20];
    // An event of no bytes, after all others.
    let mut event = events.push(&lines.bytes()[lines.bytes().len()..]);
    let mut name = String::new();
    for number in 0..mib {
        name.clear();
        let _ = write!(name, "part{number}");
        event.attribute_text(&name, &piece);
    }
}

/// Nothing at all is everywhere.
fn contains(text: &[u8], sought: &[u8]) -> bool {
    sought.is_empty() || text.windows(sought.len()).any(|bytes| bytes == sought)
}

/// The JSON that it was configured with.
#[derive(Debug)]
struct Config(String);

impl Config {
    /// An option, whether it is written as a string or as a number. None also if it makes no sense.
    fn option<T: FromStr>(&self, name: &str) -> Option<T> {
        let members = Json::parse(self.0.as_bytes())?.members();
        let (_, value) = members.into_iter().find(|(member, _)| member.plain() == Some(name.as_bytes()))?;
        let text = value.plain().unwrap_or(value.bytes());
        std::str::from_utf8(text).ok()?.parse().ok()
    }
}
