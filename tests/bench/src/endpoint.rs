//! The null endpoint: answers CloudWatch Logs, S3 and STS at once, and keeps books of what it got. A process of its own,
//! so that its work is nobody else's.

mod books;
mod http;
mod json;
mod objects;
mod puts;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub use books::Books;
pub use http::ask;
pub use puts::{LIMIT_BYTES, LIMIT_EVENTS, PROBE};

use books::Probe;
use http::{Request, Server};

/// Where its books are.
const BOOKS: &str = "/-/books";

/// The endpoint, as whoever started it sees it. Ends with this value.
pub struct Endpoint {
    process: Child,
    /// On 127.0.0.1.
    pub port: u16,
}

impl Endpoint {
    /// Starts one.
    pub fn start() -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut process = Command::new(this)
            .arg("endpoint")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the endpoint cannot be started: {error}"))?;
        let mut said = String::new();
        let out = process.stdout.take().ok_or("the endpoint has no output")?;
        BufReader::new(out).read_line(&mut said).map_err(|error| format!("the endpoint: {error}"))?;
        let port = said.trim().parse().map_err(|_| format!("the endpoint says {said:?} for a port"))?;
        Ok(Self { process, port })
    }

    /// What it got since it was last asked; it begins anew.
    pub fn take_books(&self) -> Result<Books, String> {
        let body = ask(self.port, "DELETE", BOOKS)?;
        serde_json::from_slice(&body).map_err(|error| format!("the endpoint's books: {error}"))
    }

    /// What it got since its books were last taken.
    pub fn books(&self) -> Result<Books, String> {
        let body = ask(self.port, "GET", BOOKS)?;
        serde_json::from_slice(&body).map_err(|error| format!("the endpoint's books: {error}"))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It holds nothing that could be lost.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until it is killed; says its port first.
pub fn serve() -> Result<(), String> {
    let failed = |error: std::io::Error| format!("the endpoint cannot listen: {error}");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    println!("{}", listener.local_addr().map_err(failed)?.port());
    let books = Arc::<Mutex<Books>>::default();
    for connection in listener.incoming().flatten() {
        let books = books.clone();
        std::thread::spawn(move || {
            // A client that goes away is no trouble of the endpoint's.
            let _ = converse(connection, &books);
        });
    }
    Ok(())
}

fn converse(connection: TcpStream, books: &Mutex<Books>) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut server = Server::new(connection);
    let mut scratch = Vec::new();
    while let Some(request) = server.next()? {
        let answer = answer(&request, books, &mut scratch);
        server.connection().write_all(&answer.bytes)?;
        if !answer.probes.is_empty() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let seen = answer.probes.iter().map(|&number| Probe { number, ns: now.as_nanos() as u64 });
            lock(books).probes.extend(seen);
        }
        server.put_back(request);
    }
    Ok(())
}

/// What is sent, and the lines written to measure latency that are thereby acknowledged.
struct Answer {
    bytes: Vec<u8>,
    probes: Vec<u64>,
}

impl From<Vec<u8>> for Answer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, probes: Vec::new() }
    }
}

fn answer(request: &Request, books: &Mutex<Books>, scratch: &mut Vec<u8>) -> Answer {
    if request.path() == BOOKS {
        let mut books = lock(books);
        let body = serde_json::to_vec(&*books).unwrap_or_default();
        if request.method == "DELETE" {
            *books = Books::default();
        }
        return http::answer("200 OK", "application/json", &body).into();
    }
    if let Some(operation) =
        request.header("x-amz-target").and_then(|it| it.strip_prefix("Logs_20140328.")).map(str::to_owned)
    {
        let mut probes = Vec::new();
        if operation == "PutLogEvents" {
            let read = puts::read(&request.body, scratch);
            let mut books = lock(books);
            match read {
                Ok(put) => {
                    probes.clone_from(&put.probes);
                    books.add_put(put);
                }
                Err(wrong) => books.wrong.push(wrong),
            }
            books.requested(&operation, request.body.len());
        } else {
            lock(books).requested(&operation, request.body.len());
        }
        return Answer { bytes: http::answer("200 OK", "application/x-amz-json-1.1", b"{}"), probes };
    }
    if request.header("content-type").is_some_and(|it| it.starts_with("application/x-www-form-urlencoded")) {
        lock(books).requested("AssumeRole", request.body.len());
        return http::answer("200 OK", "text/xml", ROLE.as_bytes()).into();
    }
    objects::answer(request, &mut lock(books)).into()
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Good for longer than any run.
const ROLE: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
<AccessKeyId>ASIABENCH</AccessKeyId><SecretAccessKey>bench</SecretAccessKey><SessionToken>bench</SessionToken>\
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId>\
<Arn>arn:aws:sts::123456789012:assumed-role/bench/b</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>";
