//! The HTTP clients of a sink: whom HTTPS trusts, which proxy they go through, and what certificate they show.

use std::path::Path;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::client_certificate;
use crate::config::{Aws, Proxy};

/// The client for everything that a sink sends, to its service and to STS.
///
/// It is the SDK's own, with ring for aws-lc; only where a certificate of ours is to be shown HTTPS is
/// [`client_certificate`]'s. The error says what is wrong with which file; it never holds what is in it.
pub(super) fn client(aws: &Aws) -> Result<SharedHttpClient, String> {
    let (plain, secure) = proxies(aws.proxy.as_ref())?;
    let roots = aws.tls.ca_file.as_deref().map(authorities).transpose()?;
    let trust = match &roots {
        Some((pem, _)) => TrustStore::empty().with_pem_certificate(pem.clone()),
        None => TrustStore::default(),
    };
    let tls = TlsContext::builder().with_trust_store(trust).build().map_err(|error| error.to_string())?;
    let secure = match &aws.tls.identity {
        None => sdk_client(secure, tls.clone()),
        Some(identity) => {
            let roots = roots.map(|(_, roots)| roots);
            client_certificate::client(roots, identity, aws.proxy.as_ref(), aws.connect_timeout)?
        }
    };
    Ok(SharedHttpClient::new(ByScheme { plain: sdk_client(plain, tls), secure }))
}

/// The SDK's client knows one proxy for both schemes, or one for one of them; there may be two.
#[derive(Debug)]
struct ByScheme<C> {
    plain: C,
    secure: C,
}

impl HttpClient for ByScheme<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ByScheme {
            plain: self.plain.http_connector(settings, components),
            secure: self.secure.http_connector(settings, components),
        })
    }
}

impl HttpConnector for ByScheme<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("http:") { self.plain.call(request) } else { self.secure.call(request) }
    }
}

fn sdk_client(proxy: ProxyConfig, tls: TlsContext) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// The proxies for `http://` and for `https://`.
fn proxies(proxy: Option<&Proxy>) -> Result<(ProxyConfig, ProxyConfig), String> {
    let Some(Proxy { http, https, no_proxy }) = proxy else {
        return Ok((ProxyConfig::from_env(), ProxyConfig::from_env()));
    };
    let no_proxy = no_proxy.join(",");
    let through = |url: &Option<String>, scheme: &str| match url {
        // What the SDK says of it is dropped: it could hold the password.
        Some(url) => match ProxyConfig::all(url.as_str()) {
            Ok(config) => Ok(config.no_proxy(&no_proxy)),
            Err(_) => Err(format!("proxy.{scheme} is no URL of a proxy")),
        },
        None => Ok(ProxyConfig::disabled()),
    };
    Ok((through(http, "http")?, through(https, "https")?))
}

/// The certificates of a PEM file, as they are there and as rustls takes them: the SDK's client panics on others.
fn authorities(file: &Path) -> Result<(Vec<u8>, RootCertStore), String> {
    let wrong = |what: String| format!("tls.ca_file {}: {what}", file.display());
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no PEM certificate".to_owned()));
    }
    Ok((pem, roots))
}
