//! An HTTP proxy that writes down what it is asked for. It goes nowhere but to this machine.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request to the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// `CONNECT` for a tunnel; any other is to be passed on.
    pub method: String,
    /// `host:port`
    pub to: String,
    /// `Proxy-Authorization`, where it was sent.
    pub authorization: Option<String>,
}

/// A running proxy, until the test ends.
#[derive(Debug)]
pub struct RecordingProxy {
    port: u16,
    journal: Arc<Mutex<Vec<Proxied>>>,
}

impl RecordingProxy {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let journal = Arc::<Mutex<Vec<Proxied>>>::default();
        let written = Arc::clone(&journal);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let journal = Arc::clone(&written);
                // Whoever breaks off a connection has noticed it.
                thread::spawn(move || serve(client, &journal).ok());
            }
        });
        Self { port, journal }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every request so far.
    pub fn journal(&self) -> Vec<Proxied> {
        self.journal.lock().expect("no connection panics").clone()
    }
}

/// One connection, which is for one request: moto closes after each.
fn serve(mut client: TcpStream, journal: &Mutex<Vec<Proxied>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        head.push(std::mem::take(&mut line));
    }
    let Some((method, target)) = head.first().and_then(|first| first.split_once(' ')) else { return Ok(()) };
    let target = target.split(' ').next().unwrap_or_default();
    let authority = target.strip_prefix("http://").unwrap_or(target).split('/').next().unwrap_or_default();
    let authorization = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
    });
    let asked = Proxied { method: method.to_owned(), to: authority.to_owned(), authorization };
    journal.lock().expect("no connection panics").push(asked);

    let here = authority.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
    let Some(address) = here else {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let mut server = TcpStream::connect(address)?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    } else {
        let path = &target["http://".len() + authority.len()..];
        let rest: String = head[1..].concat();
        write!(server, "{method} {path} HTTP/1.1\r\n{rest}\r\n")?;
    }
    server.write_all(reader.buffer())?;
    let (mut back, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let answer = thread::spawn(move || {
        let copied = io::copy(&mut back, &mut to_client);
        to_client.shutdown(Shutdown::Both).and(copied)
    });
    io::copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Write)?;
    answer.join().expect("copying does not panic").map(drop)
}
