//! HTTPS that shows a certificate of ours to whoever asks for one. The SDK's client cannot: this one is made of the
//! same parts (hyper, rustls with ring), for `https://` alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::config::Proxy;

/// A client that proves to be who the two files (certificate, key) say. `roots`: whom it trusts; none: whom the
/// system does. The error says what is wrong with which file.
pub(super) fn client(
    roots: Option<RootCertStore>,
    identity: &(PathBuf, PathBuf),
    proxy: Option<&Proxy>,
    connect_timeout: Duration,
) -> Result<SharedHttpClient, String> {
    let tls = Arc::new(tls(roots, identity)?);
    let mut tcp = Tcp::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let route =
        Route { proxies: Arc::new(proxies(proxy)), to_proxy: (tcp.clone(), Arc::clone(&tls)).into(), tcp };
    let connect = Connect { https: (route, tls).into(), timeout: connect_timeout };
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connect);
    let connector = SharedHttpConnector::new(Https(client));
    Ok(http_client_fn(move |_, _| connector.clone()))
}

struct Https(Client<Connect, SdkBody>);

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Https")
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// From a URL to a connection with everything that is due before the first request: TCP, the proxy's tunnel, TLS.
#[derive(Clone)]
struct Connect {
    https: HttpsConnector<Route>,
    timeout: Duration,
}

impl Service<Uri> for Connect {
    type Response = MaybeHttpsStream<Stream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, timeout) = (self.https.call(to), self.timeout);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("no connection within {timeout:?}").into()),
            }
        })
    }
}

/// To the host itself, or by the proxy that is set for it.
#[derive(Clone)]
struct Route {
    proxies: Arc<Matcher>,
    tcp: Tcp,
    /// Which may be reached by TLS, too.
    to_proxy: HttpsConnector<Tcp>,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting<Stream>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.to_proxy.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&to) else {
            let connecting = self.tcp.call(to);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(password) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(password.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

fn proxies(proxy: Option<&Proxy>) -> Matcher {
    let Some(Proxy { https, no_proxy, .. }) = proxy else { return Matcher::from_env() };
    let mut matcher = Matcher::builder().no(no_proxy.join(","));
    if let Some(url) = https {
        matcher = matcher.https(url.clone());
    }
    matcher.build()
}

fn tls(roots: Option<RootCertStore>, (crt, key): &(PathBuf, PathBuf)) -> Result<ClientConfig, String> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    let config = match roots {
        Some(roots) => config.with_root_certificates(roots),
        None => config.with_native_roots().map_err(|error| format!("the system's certificates: {error}"))?,
    };
    let wrong = |option: &str, file: &Path, what: &dyn fmt::Display| {
        format!("tls.{option} {}: {what}", file.display())
    };
    let chain = CertificateDer::pem_file_iter(crt).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| wrong("crt_file", crt, &error))?;
    if chain.is_empty() {
        return Err(wrong("crt_file", crt, &"it holds no PEM certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("key_file", key, &error))?;
    config.with_client_auth_cert(chain, private).map_err(|error| {
        format!("tls.crt_file {} and tls.key_file {}: {error}", crt.display(), key.display())
    })
}
