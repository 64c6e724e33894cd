//! Stands between the host and moto, one door for each service: what passes, fails, hangs or breaks there, the weather
//! says. What was carried out without the host being told goes into the ledger.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::http::Request;
use crate::ledger::Ledger;
use crate::weather::{Service, Trouble, Weather};

/// Who hangs is left hanging for no longer than this; the host's timeout is far below.
const HANGS: Duration = Duration::from_secs(20);
/// How often a door looks whether it is to be open.
const LOOK: Duration = Duration::from_millis(10);

/// A service's door.
pub struct Door {
    service: Service,
    /// What goes on behind it.
    pub weather: Weather,
    ledger: Arc<Ledger>,
    listener: TcpListener,
    port: u16,
    moto: u16,
    /// How long the host waits for an answer.
    timeout: Duration,
    open: AtomicBool,
    /// What connections there are, so that they can be broken.
    clients: Mutex<Vec<TcpStream>>,
    /// Of each log stream.
    turns: Mutex<HashMap<String, Arc<Turns>>>,
    under_way: AtomicUsize,
    requests: AtomicUsize,
    done: AtomicUsize,
}

/// Puts to one log stream, so that the ledger has them in the order in which they were carried out.
#[derive(Default)]
struct Turns {
    /// Held while one is carried out.
    one: Mutex<()>,
    /// How many have come.
    newest: AtomicUsize,
}

impl Door {
    /// An open door. `moto`: the port behind it.
    pub fn open(
        service: Service,
        moto: u16,
        ledger: Arc<Ledger>,
        rng: fastrand::Rng,
        timeout: Duration,
    ) -> Arc<Self> {
        let (listener, port) = listen_for_good();
        let door = Arc::new(Self {
            service,
            weather: Weather::fair(rng),
            ledger,
            listener,
            port,
            moto,
            timeout,
            open: AtomicBool::new(true),
            clients: Mutex::default(),
            turns: Mutex::default(),
            under_way: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        });
        let taking = Arc::clone(&door);
        thread::spawn(move || taking.take_clients());
        door
    }

    /// As the host's config takes it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// What was acknowledged so far: events of puts, or writes of objects.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Turns the weather; nobody listens while the service is away.
    pub fn turn(&self, trouble: Option<Trouble>) {
        self.weather.turn(trouble);
        let open = trouble != Some(Trouble::Away);
        if self.open.swap(open, Ordering::AcqRel) == open {
            return;
        }
        if open {
            rustix::net::listen(&self.listener, 128).expect("it can listen again");
        } else {
            // Linux: no longer listening, and yet still the port's owner. Connections are refused.
            rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Read).expect("it listens");
            for client in self.clients.lock().expect("nobody panics").drain(..) {
                client.shutdown(Shutdown::Both).ok();
            }
        }
    }

    /// Waits until nothing is under way: whatever the host had sent, before it died, is done.
    pub fn wait_until_idle(&self) {
        let mut idle = 0;
        while idle < 5 {
            thread::sleep(LOOK);
            idle = if self.under_way.load(Ordering::Acquire) == 0 { idle + 1 } else { 0 };
        }
    }

    fn take_clients(self: Arc<Self>) {
        loop {
            let Ok((client, _)) = self.listener.accept() else {
                thread::sleep(LOOK);
                continue;
            };
            client.set_nodelay(true).ok();
            let Ok(copy) = client.try_clone() else { continue };
            {
                let mut clients = self.clients.lock().expect("nobody panics");
                clients.retain(|client| client.peer_addr().is_ok());
                clients.push(copy);
            }
            if !self.open.load(Ordering::Acquire) {
                client.shutdown(Shutdown::Both).ok();
            }
            let door = Arc::clone(&self);
            // Whoever breaks off a connection knows why.
            thread::spawn(move || {
                door.serve(&client).ok();
                // The copy that is kept would hold it open.
                client.shutdown(Shutdown::Both).ok();
            });
        }
    }

    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let mut client = client.try_clone()?;
        while let Some(request) = Request::read(&mut reader)? {
            self.under_way.fetch_add(1, Ordering::AcqRel);
            self.requests.fetch_add(1, Ordering::Relaxed);
            let goes_on = self.meet(&request, &mut client);
            self.under_way.fetch_sub(1, Ordering::AcqRel);
            if !goes_on? {
                break;
            }
        }
        Ok(())
    }

    /// False: the connection is at its end.
    fn meet(&self, request: &Request, client: &mut TcpStream) -> io::Result<bool> {
        let to_head = request.method() == "HEAD";
        let trouble = self.weather.strike();
        if let Some(trouble) = trouble.filter(|trouble| !trouble.after_effect()) {
            if trouble == Trouble::Hangs {
                hang(client);
            }
            return self.answer(trouble, to_head, client);
        }
        let begun = Instant::now();
        let mut effect = Effect::of(self.service, request);
        let turns = match &effect {
            Some(Effect::Put { stream, .. }) => self.turns_of(stream),
            _ => Arc::default(),
        };
        let mine = turns.newest.fetch_add(1, Ordering::AcqRel) + 1;
        let (answer, put) = {
            let _turn = turns.one.lock().expect("nobody panics");
            if is_gone(client) && turns.newest.load(Ordering::Acquire) > mine {
                // Sent again already: it would come after what comes after it.
                return Ok(false);
            }
            let answer = request.forward(self.moto)?;
            effect = effect.filter(|_| answer.status < 300);
            let put = match &effect {
                Some(Effect::Put { stream, events }) => self.ledger.put(stream, *events),
                Some(Effect::Object { key, length }) => {
                    self.ledger.write(key, *length);
                    0
                }
                None => 0,
            };
            (answer, put)
        };
        // After most of its patience the host may have turned away just now.
        let told = if trouble.is_some() || begun.elapsed() > self.timeout / 2 || is_gone(client) {
            false
        } else {
            answer.write(client).is_ok()
        };
        if told {
            let done = match effect {
                Some(Effect::Put { events, .. }) => events,
                Some(Effect::Object { .. }) => 1,
                None => 0,
            };
            self.done.fetch_add(done, Ordering::Relaxed);
            return Ok(true);
        }
        match effect {
            Some(Effect::Put { stream, .. }) => self.ledger.reply_lost(&stream, put),
            Some(Effect::Object { key, .. }) => self.ledger.write_unsure(&key),
            None => {}
        }
        if trouble == Some(Trouble::HangsAfter) {
            hang(client);
        }
        match trouble {
            Some(trouble) => self.answer(trouble, to_head, client),
            None => Ok(false),
        }
    }

    fn turns_of(&self, stream: &str) -> Arc<Turns> {
        Arc::clone(self.turns.lock().expect("nobody panics").entry(stream.to_owned()).or_default())
    }

    /// What the service says in such trouble, if it says anything.
    fn answer(&self, trouble: Trouble, to_head: bool, client: &mut TcpStream) -> io::Result<bool> {
        let Some(answer) = trouble.answer(self.service, to_head) else { return Ok(false) };
        answer.write(client).map(|()| true)
    }
}

/// A listener whose port stays its own while it does not listen: Linux keeps only a port that was asked for by number.
fn listen_for_good() -> (TcpListener, u16) {
    let any = || {
        let free = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok::<_, io::Error>((TcpListener::bind(("127.0.0.1", free))?, free))
    };
    // Somebody may take it in between.
    (0..9).find_map(|_| any().ok()).expect("there is a free port")
}

/// Waits until the client has had enough.
fn hang(client: &TcpStream) {
    let until = Instant::now() + HANGS;
    while !is_gone(client) && Instant::now() < until {
        thread::sleep(LOOK);
    }
}

/// Whether the client has closed the connection.
fn is_gone(client: &TcpStream) -> bool {
    if client.set_nonblocking(true).is_err() {
        return true;
    }
    let peeked = client.peek(&mut [0]);
    let back = client.set_nonblocking(false);
    match peeked {
        Ok(read) => read == 0 || back.is_err(),
        Err(error) => error.kind() != io::ErrorKind::WouldBlock || back.is_err(),
    }
}

/// What a request changes.
enum Effect {
    Put {
        stream: String,
        events: usize,
    },
    /// `length`: of the whole object, where the request says it.
    Object {
        key: String,
        length: Option<usize>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents {
    log_stream_name: String,
    log_events: Vec<serde::de::IgnoredAny>,
}

impl Effect {
    fn of(service: Service, request: &Request) -> Option<Self> {
        match service {
            Service::Logs => {
                if request.header("x-amz-target") != Some("Logs_20140328.PutLogEvents") {
                    return None;
                }
                let put: PutLogEvents = serde_json::from_slice(&request.body).ok()?;
                Some(Self::Put { stream: put.log_stream_name, events: put.log_events.len() })
            }
            Service::S3 => {
                if !matches!(request.method(), "PUT" | "POST") {
                    return None;
                }
                let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
                if ["partNumber", "uploads"].iter().any(|it| query.contains(it)) {
                    // Nobody sees it yet.
                    return None;
                }
                let length = match request.header("x-amz-decoded-content-length") {
                    Some(length) => length.parse().ok(),
                    None => Some(request.body.len()),
                };
                let is_whole = request.method() == "PUT";
                Some(Self::Object { key: decoded(path), length: length.filter(|_| is_whole) })
            }
        }
    }
}

/// A path without its percent signs.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%');
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_door_refuses_connections_and_is_where_it_was_when_it_opens() {
        let door =
            Door::open(Service::S3, 1, Arc::default(), fastrand::Rng::with_seed(1), Duration::from_secs(1));
        let knock = || TcpStream::connect(("127.0.0.1", door.port));
        assert!(knock().is_ok());
        door.turn(Some(Trouble::Away));
        assert_eq!(knock().expect_err("nobody listens").kind(), io::ErrorKind::ConnectionRefused);
        door.turn(None);
        assert!(knock().is_ok());
    }

    #[test]
    fn a_path_is_decoded() {
        assert_eq!(decoded("/b/run_id%3Da%20b/%C3%A9"), "/b/run_id=a b/é");
    }
}
