//! A normalizer that misbehaves on demand: all that the host must bear from a component, in one.
//!
//! Its config is `{"do": "loop", "at": "lines"}`: what to do, and whether when it is configured or, which is the
//! default, whenever a line contains `POISON`. All other lines are events as they stand.

use std::io::Read;
use std::time::Duration;
use updraft_guest::json::Json;
use updraft_guest::{Events, Lines, LogStream, Normalizer};

/// Misbehaves as its config says.
#[derive(Debug)]
pub struct Hostile {
    deed: String,
}

impl Normalizer for Hostile {
    fn configure(config: &str) -> Result<Self, String> {
        let deed = option(config, "do").ok_or("what shall I `do`?")?;
        if option(config, "at").is_some_and(|at| at == "configure") {
            commit(&deed)?;
        }
        Ok(Self { deed })
    }

    fn normalize(&mut self, _: &LogStream, lines: &Lines, events: &mut Events<'_>) -> Result<usize, String> {
        let poisoned = lines.bytes().windows(6).any(|bytes| bytes == b"POISON");
        if poisoned {
            commit(&self.deed)?;
        }
        if poisoned && self.deed == "never-consume" {
            return Ok(0);
        }
        for line in lines {
            events.push(line);
        }
        Ok(lines.len() + usize::from(poisoned && self.deed == "consume-too-many"))
    }
}

updraft_guest::export_normalizer!(Hostile);

/// The deeds that need no lines.
fn commit(deed: &str) -> Result<(), String> {
    match deed {
        "loop" => loop {
            std::hint::black_box(deed);
        },
        "sleep" => std::thread::sleep(Duration::from_hours(1)),
        "nap" => (0..1_000_000).for_each(|_| std::thread::sleep(Duration::from_millis(1))),
        "grow" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "panic" => panic!("poisoned"),
        "err" => return Err("poisoned".to_owned()),
        "speak" => println!("poisoned"),
        "read" => {
            let read = std::io::stdin().read(&mut [0; 100]);
            return Err(format!("stdin gave {read:?}"));
        }
        _ => {}
    }
    Ok(())
}

/// The text of an option.
fn option(config: &str, name: &str) -> Option<String> {
    let members = Json::parse(config.as_bytes())?.members();
    let (_, value) = members.into_iter().find(|(member, _)| member.plain() == Some(name.as_bytes()))?;
    Some(String::from_utf8_lossy(value.plain()?).into_owned())
}
