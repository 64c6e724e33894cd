//! Packs events into puts and sends them over one connection, hashed as a signature would have them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use sha2::{Digest, Sha256};

use super::Codec;
use super::escape::{Depth, escape};
use super::event::Event;
use crate::endpoint::{LIMIT_BYTES, LIMIT_EVENTS};

const OVERHEAD: usize = 26;
const BEGINNING: &[u8] = b"{\"logEvents\":[";

/// One log stream at a time.
pub struct Outlet {
    connection: BufReader<TcpStream>,
    stream: String,
    body: Vec<u8>,
    events: u64,
    weight: usize,
}

impl Outlet {
    /// Connects.
    pub fn to(port: u16) -> Result<Self, String> {
        let connection = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        connection.set_nodelay(true).map_err(|error| error.to_string())?;
        let (connection, body) = (BufReader::new(connection), BEGINNING.to_vec());
        Ok(Self { connection, stream: String::new(), body, events: 0, weight: 0 })
    }

    /// What follows goes to this log stream: named as Updraft names it.
    pub fn open(&mut self, path: &str) -> Result<(), String> {
        self.close()?;
        self.stream = path.replace([':', '*'], "_");
        Ok(())
    }

    /// Adds an event, and sends what was there where it does not fit.
    pub fn push(&mut self, event: &Event<'_>, codec: Codec) -> Result<(), String> {
        let before = self.body.len();
        self.body.extend_from_slice(b"{\"message\":\"");
        let length = match codec {
            Codec::Json => event.write(&mut self.body),
            Codec::Raw => {
                let raw = event.raw();
                let line = raw.strip_suffix(b"\n").unwrap_or(raw);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let text = String::from_utf8_lossy(if line.is_empty() { b" " } else { line });
                escape(text.as_bytes(), Depth::One, &mut self.body)
            }
        };
        write!(self.body, "\",\"timestamp\":{}}},", event.timestamp_ms())
            .map_err(|error| error.to_string())?;
        let weight = length + OVERHEAD;
        if self.weight + weight > LIMIT_BYTES as usize || self.events == LIMIT_EVENTS {
            let this = self.body.split_off(before);
            self.close()?;
            self.body.extend_from_slice(&this);
        }
        self.weight += weight;
        self.events += 1;
        Ok(())
    }

    /// Sends what is there.
    pub fn close(&mut self) -> Result<(), String> {
        if self.events == 0 {
            return Ok(());
        }
        self.body.pop();
        write!(self.body, "],\"logGroupName\":\"/bench\",\"logStreamName\":\"{}\"}}", self.stream)
            .map_err(|error| error.to_string())?;
        let hash = Sha256::digest(&self.body);
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: Logs_20140328.PutLogEvents\r\nx-amz-content-sha256: {hash}\r\ncontent-length: {}\r\n\r\n",
            self.body.len()
        );
        let mut connection = self.connection.get_ref();
        let sent = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&self.body));
        sent.map_err(|error| error.to_string())?;
        self.answered()?;
        self.body.clear();
        self.body.extend_from_slice(BEGINNING);
        (self.events, self.weight) = (0, 0);
        Ok(())
    }

    fn answered(&mut self) -> Result<(), String> {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            self.connection.read_line(&mut line).map_err(|error| error.to_string())?;
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| format!("the endpoint says {line:?}"))?;
            }
            match line.as_str() {
                "\r\n" => break,
                "" => return Err("the endpoint hung up".to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).map_err(|error| error.to_string())
    }
}
