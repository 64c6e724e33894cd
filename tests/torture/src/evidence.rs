//! What a run that showed something leaves behind for whoever looks into it: every put and every generation, with times
//! as the host's own log has them.

use std::fmt::Write;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::books::{Books, markers};
use crate::oracle::Arrived;

/// Writes `puts.txt`, `generations.txt` and `lives.txt`.
pub fn write(folder: &Path, books: &Books, arrived: &Arrived) -> std::io::Result<()> {
    std::fs::write(folder.join("puts.txt"), puts(arrived))?;
    std::fs::write(folder.join("generations.txt"), generations(books))?;
    let lives: Vec<String> =
        arrived.ups.iter().map(|&(from, to)| format!("{} to {}\n", clock(from), clock(to))).collect();
    std::fs::write(folder.join("lives.txt"), lives.concat())
}

/// A line for each put, and one for each of its events.
fn puts(arrived: &Arrived) -> String {
    let mut out = String::new();
    for (stream, events) in &arrived.log_streams {
        let mut events = events.iter();
        for (number, put) in arrived.puts.get(stream).into_iter().flatten().enumerate() {
            let (done, again) = (clock(put.done), put.may_repeat);
            writeln!(out, "{stream}: put {number} {done}, {} events, may repeat {again}", put.events)
                .expect("a string takes all");
            for (time, message) in events.by_ref().take(put.events) {
                let whose: Vec<String> =
                    markers(message).map(|(_, id, piece)| format!("<u:{id}.{piece}>")).collect();
                writeln!(out, "    {time} {}", whose.join(" ")).expect("a string takes all");
            }
        }
    }
    out
}

/// A line for each generation.
fn generations(books: &Books) -> String {
    let mut out = String::new();
    for (id, it) in &books.generations {
        let begun = it.sizes.first().map_or_else(String::new, |&(at, _)| clock(at));
        let ended = it.ended.map_or("there".to_owned(), |(how, at)| format!("{how:?} {}", clock(at)));
        let sizes: Vec<String> = it.sizes.iter().map(|&(at, size)| format!("{} {size}", clock(at))).collect();
        writeln!(
            out,
            "{id} from {begun}: {} bytes, {} pieces, copied {}, {ended}; {}\n    {}",
            it.bytes.len(),
            it.pieces.len(),
            it.copied,
            it.names.join(" → "),
            sizes.join("; ")
        )
        .expect("a string takes all");
    }
    out
}

/// Time of day, UTC, as in the host's log.
fn clock(at: Instant) -> String {
    let then = SystemTime::now().checked_sub(at.elapsed()).and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let ms = then.unwrap_or_default().as_millis();
    let (second, ms) = (ms / 1_000, ms % 1_000);
    format!("{:02}:{:02}:{:02}.{ms:03}", second / 3_600 % 24, second / 60 % 60, second % 60)
}
