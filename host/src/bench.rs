//! What the benches of the stages (`benches/stages`) call: internals, and no part of the library. Only there with feature
//! `bench`.

use crate::aws::{Access, Count, Renewal};
use crate::config;
use crate::event::{Events, Origin};
use crate::sink::cloudwatch::client::Client;
use crate::sink::service_error::Caller;
use crate::transform::{Broken, Engine, Stats, check};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;

pub use crate::route::LogStreamName;
pub use crate::sink::batch::{Limits, Packer};
pub use crate::sink::cloudwatch::limits;
pub use crate::sink::encode::wire;
pub use crate::sink::piece::{Piece, Written};
pub use crate::source::tail;
pub use crate::transform::{BATCH_BYTES, BATCH_LINES};

/// The built-in normalizer, at work: lines → events. It has to consume all of them.
pub fn normalizer() -> impl Fn(&Origin, &[u8], &[u32]) -> Events {
    let engine = Engine::new(None).unwrap_or_else(|error| panic!("{error}"));
    let transform = config::Transform::bare("normalize", config::Component::Builtin("airflow".to_owned()));
    let stats = Arc::new(Stats::default());
    let component = engine.load(&transform, &stats).unwrap_or_else(|error| panic!("{error}"));
    move |origin, bytes, ends| {
        let made = component.run(|instance| instance.normalize(origin, bytes, ends, true), |_| false);
        made.map_or_else(|error| panic!("{error}"), |(_, events)| events)
    }
}

/// Checks what it made of these lines.
pub fn validate(bytes: &mut Vec<u8>, ends: &[u32], events: &mut Events) -> Result<(), Broken> {
    check::normalized(bytes, ends, true, ends.len() as u32, events, config::Limits::default().result_bytes)
}

/// A client of CloudWatch Logs whose requests go nowhere when all is done but for the network: each is taken.
pub fn client() -> Client {
    let keys = Credentials::new("AKIABENCH", "bench", None, None, "bench");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(Nowhere)
        .build();
    let caller = Caller { sink: "bench".to_owned(), role: None, renewal: Renewal::default() };
    let count = Count(Arc::default());
    Client::new(&Access { sdk, identities: Vec::new(), endpoint: None, caller: Arc::new(caller), count })
}

/// A network that takes all.
#[derive(Debug, Clone, Copy)]
struct Nowhere;

impl HttpConnector for Nowhere {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(HttpResponse::new(http::StatusCode::OK.into(), SdkBody::from("{}"))))
    }
}

impl HttpClient for Nowhere {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(*self)
    }
}
