//! Looks for authority that nobody gave it, and tells what it found.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io;
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One line of `what=found`, where `open` means that it had its way, and anything else is the kind of error.
pub fn report(address: Option<String>) -> String {
    let address = address.unwrap_or_else(|| "127.0.0.1:80".to_owned());
    let found = [
        ("env", std::env::vars_os().count().to_string()),
        ("args", std::env::args_os().count().to_string()),
        ("root", outcome(fs::read_dir("/"))),
        ("here", outcome(fs::read_dir("."))),
        ("file", outcome(File::open("/etc/hostname"))),
        ("write", outcome(File::create("/tmp/updraft-hostile"))),
        ("tcp", outcome(TcpStream::connect(&address))),
        ("udp", outcome(UdpSocket::bind("127.0.0.1:0"))),
        ("dns", outcome(("localhost", 80).to_socket_addrs())),
        (
            "clock",
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string(),
        ),
        ("monotonic", monotonic().to_owned()),
        ("random", format!("{:x},{:x}", random(), random())),
    ];
    found.map(|(what, found)| format!("{what}={found}")).join(" ")
}

fn outcome<T>(tried: io::Result<T>) -> String {
    tried.map_or_else(|error| format!("{:?}", error.kind()), |_| "open".to_owned())
}

/// Read until it moves: two readings may well fall into one tick.
fn monotonic() -> &'static str {
    let first = Instant::now();
    if (0..100_000).any(|_| Instant::now() != first) { "moves" } else { "stands" }
}

/// The standard library seeds its hash maps from WASI's randomness.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
