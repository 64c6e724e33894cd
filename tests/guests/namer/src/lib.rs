//! A router that names by label, and misbehaves on demand, for the tests of where events go.
//!
//! Its config is `{"do": "name"}`, which is the default:
//!
//! - label `errors`: in CloudWatch the group `/airflow/errors`, and the stream as it is; object keys below `errors/`;
//! - label `audit`: to sinks with `audit` in their ids, and nothing else goes there;
//! - label `debug`: nowhere;
//! - all else: as the sink has it.
//!
//! `only LABEL` leaves events of that label as the sink has them, and nothing else goes anywhere.
//!
//! Other deeds, whatever is asked: `bad_name` gives names that no service takes, `refuse` an error, `trap` and `loop` do
//! not come back.

use updraft_guest::json::Json;
use updraft_guest::{LogStream, Router, Sink, Target};

/// Names, or whatever else its config says.
#[derive(Debug)]
pub struct Namer {
    deed: Deed,
}

/// What it does when it is asked.
#[derive(Debug)]
enum Deed {
    Name,
    Only(String),
    BadName,
    Trap,
    Loop,
    Refuse,
}

impl Router for Namer {
    fn configure(config: &str) -> Result<Self, String> {
        let members = Json::parse(config.as_bytes()).map(Json::members).unwrap_or_default();
        let given = members.into_iter().find(|(member, _)| member.plain() == Some(b"do"));
        let deed = match given.map(|(_, value)| value.plain()) {
            None | Some(Some(b"name")) => Deed::Name,
            Some(Some(b"bad_name")) => Deed::BadName,
            Some(Some(b"trap")) => Deed::Trap,
            Some(Some(b"loop")) => Deed::Loop,
            Some(Some(b"refuse")) => Deed::Refuse,
            Some(Some(deed)) if deed.starts_with(b"only ") => {
                Deed::Only(String::from_utf8_lossy(&deed[b"only ".len()..]).into_owned())
            }
            Some(_) => return Err("what shall I `do`?".to_owned()),
        };
        Ok(Self { deed })
    }

    fn route(
        &mut self,
        _: &LogStream,
        label: &str,
        sink: &Sink,
        standard: Target,
    ) -> Result<Option<Target>, String> {
        match &self.deed {
            Deed::Name => Ok(name(label, sink, standard)),
            Deed::Only(here) => Ok((label == here).then_some(standard)),
            Deed::BadName => Ok(Some(bad(standard))),
            Deed::Trap => trap(),
            Deed::Loop => loop {
                std::hint::black_box(label);
            },
            Deed::Refuse => Err(format!("no name for label `{label}`")),
        }
    }
}

updraft_guest::export_router!(Namer);

/// Where the events of a label go.
fn name(label: &str, sink: &Sink, mut standard: Target) -> Option<Target> {
    let here = label != "debug" && (label == "audit") == sink.id.contains("audit");
    if label == "errors" {
        match &mut standard {
            Target::LogStream(name) => "/airflow/errors".clone_into(&mut name.group),
            // A sink without names has no key.
            Target::ObjectKey(key) if key.is_empty() => {}
            Target::ObjectKey(key) => key.insert_str(0, "errors/"),
        }
    }
    here.then_some(standard)
}

/// The same with what no service takes.
fn bad(mut standard: Target) -> Target {
    match &mut standard {
        Target::LogStream(name) => name.name.push(':'),
        Target::ObjectKey(key) => key.push_str("/../elsewhere"),
    }
    standard
}

/// A trap without a word before it, unlike a panic's.
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}
