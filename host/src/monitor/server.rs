//! `/metrics`, `/healthz` and `/readyz` over HTTP, for Prometheus and for Kubernetes. Reads only; knows no secrets.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};

use super::{Answer, Monitor};

/// Connections at once; others wait until one is over.
const CONNECTIONS: usize = 32;
/// A request's head has to be there within this time; so long a connection may also stay idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a connection may last, whatever comes of it: nobody keeps a place for good.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(2);
/// The most that a request's head may be.
const HEAD_BYTES: usize = 16 * 1024;
/// How long to wait before the next connection is taken after one could not be.
const PAUSE: Duration = Duration::from_millis(100);

const PLAIN: &str = "text/plain; charset=utf-8";

/// Where to listen, from what people write: `HOST:PORT`, or only a port (`9090`, `:9090`), which is one of this machine
/// for this machine.
pub fn address(text: &str) -> Result<String, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.parse::<u16>().is_ok() {
        return Ok(format!("127.0.0.1:{port}"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("write HOST:PORT, as 0.0.0.0:9090, or a port, which is then on 127.0.0.1".to_owned()),
    }
}

/// Listens until it is dropped.
pub struct Server {
    address: SocketAddr,
    monitor: Arc<OnceLock<Arc<Monitor>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Takes `HOST:PORT` (see [`address`]) and answers from now on: alive, and not ready until it is [shown](Self::show)
    /// a pipeline.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let monitor = Arc::default();
        let task = tokio::spawn(listen(listener, Arc::clone(&monitor)));
        Ok(Self { address, monitor, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it speaks of that pipeline. The first one counts.
    pub fn show(&self, monitor: Arc<Monitor>) {
        self.monitor.set(monitor).ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, monitor: Arc<OnceLock<Arc<Monitor>>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, monitor.clone(), place));
            }
            // Gone again, or no file descriptors left.
            Err(error) => {
                tracing::debug!("a connection to the metrics address could not be taken: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, monitor: Arc<OnceLock<Arc<Monitor>>>, _place: OwnedSemaphorePermit) {
    let service = service_fn(|request| {
        let monitor = monitor.get().cloned();
        async move { Ok::<_, Infallible>(respond(&request, monitor.as_deref()).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's business.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}

async fn respond(request: &Request<Incoming>, monitor: Option<&Monitor>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = answer(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match (request.uri().path(), monitor) {
        ("/metrics", Some(monitor)) => {
            answer(StatusCode::OK, prometheus_text::CONTENT_TYPE, monitor.metrics())
        }
        ("/healthz", Some(monitor)) => of_probe(monitor.health().await),
        ("/healthz", None) => answer(StatusCode::OK, PLAIN, "ok, starting\n"),
        ("/readyz", Some(monitor)) => of_probe(monitor.readiness().await),
        ("/metrics" | "/readyz", None) => answer(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "starting\n"),
        _ => answer(StatusCode::NOT_FOUND, PLAIN, "there are /metrics, /healthz and /readyz\n"),
    }
}

fn of_probe(Answer { well, text }: Answer) -> Response<Full<Bytes>> {
    answer(if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, PLAIN, text)
}

fn answer(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machine_s_own() {
        for (text, meant) in [
            ("9090", "127.0.0.1:9090"),
            (":9090", "127.0.0.1:9090"),
            ("0.0.0.0:9090", "0.0.0.0:9090"),
            ("[::]:9090", "[::]:9090"),
            ("localhost:0", "localhost:0"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(meant));
        }
        for bad in ["", ":", "localhost", "0.0.0.0", "host:http", "70000"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
