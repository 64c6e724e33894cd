//! What a component may ask of the host: a line in its log, a number in its metrics. Nothing else is there.

use crate::Severity;

/// Writes a line to the host's log (rate-limited there). Natively: to stderr.
pub fn log(severity: Severity, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::normalize::updraft::pipeline::host::log(severity.0, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("[severity {}] {message}", severity.0);
}

/// Adds to a counter of the host's metrics. Natively: nothing.
pub fn count(name: &str, by: u64) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::normalize::updraft::pipeline::host::count(name, by);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (name, by);
}
