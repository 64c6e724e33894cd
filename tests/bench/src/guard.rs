//! The guard against getting slower: counts instructions, which are the same on a busy machine, and holds them against those
//! that were written down. wasmtime does not run under valgrind, so the built-in component is counted by itself, in fuel,
//! and the host without it, by callgrind: read, encode, pack, send.
//!
//! Of the host two sizes are run, and what the larger takes more is what is counted: so a start costs nothing. SHA-256 is
//! left out, since valgrind hides the processor's own instructions for it. Dependencies may be unoptimised in the binary, as
//! `cargo xtask` builds it for this: what counts is the change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::corpus::{Corpus, Kind};
use crate::fuel::Guest;
use crate::process::write;
use crate::setting::Setting;

/// MB of the two sizes.
const SIZES: [usize; 2] = [1, 4];
/// So much more than was written down is too much.
const WORSE: f64 = 1.10;
/// And so much less is worth writing down, so that it stays.
const BETTER: f64 = 0.95;
const CODECS: [&str; 2] = ["json", "raw"];
/// Puts are full however slow valgrind is, and however busy the machine: else there are more of them.
const UNHURRIED: &str = ", batch: { timeout_secs: 60 }";
const LEFT_OUT: &str = "sha2::";

/// Instructions for each byte of log, by what was run.
type Counts = BTreeMap<String, f64>;

/// Counts, and compares with the baseline or writes it.
pub fn guard(setting: &Setting, component: &Path, baseline: &Path, rewrite: bool) -> Result<(), String> {
    let there = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        let why =
            "valgrind is not installed (apt-get install valgrind): the host's instructions cannot be counted";
        if rewrite || std::env::var_os("CI").is_some() {
            return Err(why.to_owned());
        }
        eprintln!("!! {why}, AND NOTHING BUT THE COMPONENT IS GUARDED");
    }
    let mut counts = Counts::new();
    // Two at once: callgrind has one core alone, and other work changes no count.
    std::thread::scope(|scope| {
        let count = |kind| scope.spawn(move || count(setting, component, kind, there));
        let counting = [Kind::Text, Kind::Json].map(count);
        for counted in counting {
            counts.extend(counted.join().map_err(|_| "the guard panicked")??);
        }
        Ok::<_, String>(())
    })?;
    if rewrite {
        let text = serde_json::to_string_pretty(&counts).map_err(|error| error.to_string())?;
        return write(baseline, (text + "\n").as_bytes());
    }
    let known = fs::read(baseline).map_err(|error| format!("{}: {error}", baseline.display()))?;
    let known: Counts =
        serde_json::from_slice(&known).map_err(|error| format!("{}: {error}", baseline.display()))?;
    compare(&known, &counts)
}

fn count(setting: &Setting, component: &Path, kind: Kind, host_too: bool) -> Result<Counts, String> {
    let setting = setting.beside(&format!("guard-{}", kind.name()))?;
    let corpora = SIZES.map(|size| Corpus::of(&setting.place, kind, 1, size * 1_000_000));
    let [small, large] = corpora;
    let (small, large) = (small?, large?);
    let mut counts = Counts::new();
    let mut add = |what: &str, count: u64, bytes: u64| {
        let each = (count as f64 / bytes as f64 * 100.0).round() / 100.0;
        let _ = counts.insert(format!("{}: {what}", kind.name()), each);
    };
    let mut guest = Guest::load(component)?;
    let component = guest.normalize(&large)?;
    guest.agrees(&large)?;
    add("the component, in WebAssembly's instructions", component, large.made.bytes);
    for codec in CODECS.iter().filter(|_| host_too) {
        let start = host(&setting, &small, codec)?;
        let more = host(&setting, &large, codec)?.saturating_sub(start);
        let what = format!("the host without it, lines to CloudWatch, codec {codec}");
        add(&what, more, large.made.bytes - small.made.bytes);
    }
    Ok(counts)
}

fn compare(known: &Counts, counts: &Counts) -> Result<(), String> {
    let mut worse = Vec::new();
    for (what, &count) in counts {
        let before = known.get(what).ok_or_else(|| format!("the baseline does not know {what:?}"))?;
        let change = 100.0 * (count / before - 1.0);
        println!("   {what}: {count} instructions for each byte, {before} before ({change:+.1} %)");
        if count > before * WORSE {
            worse.push(what.as_str());
        } else if count < before * BETTER {
            println!("   better: `cargo xtask bench --rewrite` makes it count");
        }
    }
    if worse.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more than 10 % more instructions than written down: {}; if it has to be: cargo xtask bench --rewrite",
        worse.join(", ")
    ))
}

fn host(setting: &Setting, corpus: &Corpus, codec: &str) -> Result<u64, String> {
    let sinks = setting.cloudwatch(codec, UNHURRIED).replace("inputs: [normalize]", "inputs: [airflow]");
    let pipeline = setting.pipeline(&corpus.logs, "", &sinks);
    let without_component = pipeline.lines().filter(|line| !line.starts_with("transforms:"));
    let pipeline = without_component.map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
    setting.endpoint.take_books()?;
    let count = counted(setting, &setting.updraft(&pipeline, &["--once"])?)?;
    let books = setting.endpoint.take_books()?;
    match (books.wrong.first(), books.events()) {
        (Some(wrong), _) => Err(wrong.clone()),
        (None, events) if events == corpus.made.lines => Ok(count),
        (None, events) => Err(format!("of {} lines {events} arrived", corpus.made.lines)),
    }
}

/// Instructions that a program takes, but for those left out.
fn counted(setting: &Setting, program: &Command) -> Result<u64, String> {
    let out = setting.place.join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        value.map(|value| command.env(name, value));
    }
    let done = command.output().map_err(|error| format!("valgrind: {error}"))?;
    if !done.status.success() {
        return Err(format!("under valgrind: {}", String::from_utf8_lossy(&done.stderr)));
    }
    let profile = fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    sum(&profile)
}

/// The self cost of each function, added up. <https://valgrind.org/docs/manual/cl-format.html>
fn sum(profile: &str) -> Result<u64, String> {
    let (mut sum, mut counts, mut of_a_call, mut found) = (0, true, false, false);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            (counts, found) = (!name.contains(LEFT_OUT), true);
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            // The line after a call has what the callee took, which is counted there.
            if !std::mem::take(&mut of_a_call) && counts {
                let cost = line.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok());
                sum += cost.ok_or_else(|| format!("callgrind says {line:?}"))?;
            }
        }
    }
    if found { Ok(sum) } else { Err("callgrind counted nothing".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_takes_itself_is_counted_and_hashes_are_not() {
        let profile = "events: Ir\n\nfn=main\n1 10\ncfn=sha2::compress\ncalls=1 1\n2 500\n3 5\n\nfn=sha2::compress\n1 500\n";
        assert_eq!(sum(profile), Ok(15));
        assert!(sum("events: Ir\n").is_err());
    }

    #[test]
    fn more_than_a_tenth_worse_fails_and_so_does_what_nobody_wrote_down() {
        let of = |count| Counts::from([("x".to_owned(), count)]);
        assert!(compare(&of(10.0), &of(10.9)).is_ok());
        assert!(compare(&of(10.0), &of(11.1)).is_err());
        assert!(compare(&Counts::new(), &of(1.0)).is_err());
    }
}
