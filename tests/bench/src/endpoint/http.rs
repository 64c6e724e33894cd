//! As much of HTTP/1.1 as the clients of AWS speak: requests on a connection that stays, bodies of a known length.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// More than any request line with its headers.
const MAX_HEAD: usize = 64 << 10;
/// More than any body of ours.
const MAX_BODY: usize = 1 << 30;

/// One request.
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    target: String,
    headers: Vec<(String, String)>,
    /// As it was sent.
    pub body: Vec<u8>,
}

impl Request {
    /// Without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query: `Some("")` where it has no value.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    }

    /// A header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One connection.
pub struct Server {
    connection: TcpStream,
    /// What was read, and is no request yet.
    ahead: Vec<u8>,
    /// The last body's memory.
    spare: Vec<u8>,
}

impl Server {
    /// Nothing is read yet.
    pub fn new(connection: TcpStream) -> Self {
        Self { connection, ahead: Vec::new(), spare: Vec::new() }
    }

    /// To answer on.
    pub fn connection(&mut self) -> &mut TcpStream {
        &mut self.connection
    }

    /// The request is answered: its memory is good for the next.
    pub fn put_back(&mut self, request: Request) {
        self.spare = request.body;
    }

    /// The next request; none: the client is gone.
    pub fn next(&mut self) -> io::Result<Option<Request>> {
        let mut buffer = [0; 16 << 10];
        let end = loop {
            if let Some(at) = memchr::memmem::find(&self.ahead, b"\r\n\r\n") {
                break at + 4;
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match self.connection.read(&mut buffer)? {
                0 => return Ok(None),
                read => self.ahead.extend_from_slice(&buffer[..read]),
            }
        };
        let head = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: std::mem::take(&mut self.spare),
        };
        let length = request.header("content-length").map_or(Ok(0), str::parse::<usize>);
        let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
        if length > MAX_BODY || request.header("transfer-encoding").is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if request.header("expect").is_some() {
            self.connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body.clear();
        let there = (self.ahead.len() - end).min(length);
        request.body.extend_from_slice(&self.ahead[end..end + there]);
        self.ahead.drain(..end + there);
        let rest = (length - there) as u64;
        let read = (&mut self.connection).take(rest).read_to_end(&mut request.body)? as u64;
        Ok((read == rest).then_some(request))
    }
}

/// A whole answer.
pub fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\netag: \"null\"\r\nx-amzn-requestid: null\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// One question over a connection of its own, and the answer's body.
pub fn ask(port: u16, method: &str, path: &str) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("{method} {path}: {error}");
    let mut connection = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    write!(connection, "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").map_err(failed)?;
    connection.shutdown(std::net::Shutdown::Write).map_err(failed)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).map_err(failed)?;
    let at = memchr::memmem::find(&answer, b"\r\n\r\n").ok_or("no answer of HTTP")?;
    Ok(answer.split_off(at + 4))
}
