//! The few lines of HTTP that talking to moto takes, so that the tests need no client and no runtime.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

/// One request over a connection of its own; the answer's status and body. Panics when there is no answer.
pub fn request(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, Vec<u8>) {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a string takes all");
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).expect("a string takes all");

    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("moto takes connections");
    connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(body))
        .expect("moto reads the request");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("moto answers");
    split(&answer)
        .unwrap_or_else(|| panic!("{method} {target}: no answer of HTTP: {}", answer.escape_ascii()))
}

fn split(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

/// A form's body, `name=value&…`, all but letters, digits and `-_.~` percent-encoded.
pub fn form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    fields.join("&")
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all"),
        }
    }
    encoded
}
