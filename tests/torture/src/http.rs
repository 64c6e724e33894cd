//! The little of HTTP/1.1 that a proxy needs which reads a request whole before it decides what becomes of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request, whole.
#[derive(Debug)]
pub struct Request {
    /// The request line and the headers, without the empty line after them.
    head: Vec<String>,
    /// The body, as it was sent.
    pub body: Vec<u8>,
}

impl Request {
    /// The next one of a connection; none at its end.
    pub fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut request = Self { head, body: Vec::new() };
        if request.header("expect").is_some() {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let length = request.header("content-length").map_or(Ok(0), str::parse);
        let length = length.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if request.header("transfer-encoding").is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a request without Content-Length"));
        }
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    /// A header's value; its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().skip(1).find_map(|line| {
            let (there, value) = line.split_once(':')?;
            there.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// `GET`, `PUT` …
    pub fn method(&self) -> &str {
        self.head.first().and_then(|line| line.split(' ').next()).unwrap_or_default()
    }

    /// The path and what follows it.
    pub fn target(&self) -> &str {
        self.head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default()
    }

    /// Has a server carry it out, over a connection of its own; the answer, whole.
    pub fn forward(&self, port: u16) -> io::Result<Answer> {
        let mut server = TcpStream::connect(("127.0.0.1", port))?;
        let mut head = String::new();
        for line in &self.head {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if name != "connection" && name != "expect" {
                head += line;
                head += "\r\n";
            }
        }
        write!(server, "{head}Connection: close\r\n\r\n")?;
        server.write_all(&self.body)?;
        let mut all = Vec::new();
        server.read_to_end(&mut all)?;
        Answer::parse(&all, self.method() == "HEAD")
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "moto's answer is none of HTTP"))
    }
}

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    bytes: Vec<u8>,
}

impl Answer {
    /// An answer of ours. To HEAD no body is sent.
    pub fn new(status: u16, kind: &str, body: &str, to_head: bool) -> Self {
        let body = if to_head { "" } else { body };
        let head = format!(
            "HTTP/1.1 {status} Tortured\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self { status, bytes: [head.as_bytes(), body.as_bytes()].concat() }
    }

    /// Made fit for a connection that goes on.
    fn parse(all: &[u8], to_head: bool) -> Option<Self> {
        let end = all.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, body) = (std::str::from_utf8(&all[..end]).ok()?, &all[end + 4..]);
        let mut lines = head.split("\r\n");
        let (_, status) = lines.next()?.split_once(' ')?;
        let code: u16 = status.get(..3)?.parse().ok()?;
        let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
        for line in lines {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let ours = name == "content-length" && !to_head;
            if name != "connection" && name != "transfer-encoding" && !ours {
                bytes.extend_from_slice(line.as_bytes());
                bytes.extend_from_slice(b"\r\n");
            }
        }
        if !to_head && code != 204 && code != 304 {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        if !to_head {
            bytes.extend_from_slice(body);
        }
        Some(Self { status: code, bytes })
    }

    /// Sends it.
    pub fn write(&self, client: &mut impl Write) -> io::Result<()> {
        client.write_all(&self.bytes)?;
        client.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_made_fit_for_a_connection_that_goes_on() {
        let from_moto = b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nConnection: close\r\n\r\nbody";
        let answer = Answer::parse(from_moto, false).expect("it is one");
        assert_eq!(answer.bytes, b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nbody");
        let to_head = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
        assert_eq!(Answer::parse(to_head, true).expect("it is one").bytes, to_head);
    }
}
