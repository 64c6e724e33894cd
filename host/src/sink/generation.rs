//! What a generation is called when its own name is taken by another.

use crate::route;
use crate::source::Stream;

/// `NAME.<first seen, UTC, sortable>-<host>`: Airflow's reader reads by prefix, in byte order, and so shows both.
pub fn key(name: &str, stream: &Stream) -> String {
    let seen = jiff::Timestamp::from_millisecond(stream.first_seen).unwrap_or_default();
    let host: String = stream
        .origin
        .host
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '_') { it } else { '_' })
        .collect();
    route::object_key("", &format!("{name}.{}-{host}", seen.strftime("%Y%m%dT%H%M%S.%3fZ")))
}

/// The same, should even that name be taken: the generation's own unique id decides.
pub fn unique_key(name: &str, stream: &Stream) -> String {
    let id = &stream.generation;
    route::object_key("", &format!("{}-{}", key(name, stream), id.split('-').next().unwrap_or(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Deployment, Origin, StreamKind};

    #[test]
    fn a_taken_name_is_followed_by_when_and_where_the_generation_was_first_seen() {
        let stream = Stream::for_tests(Origin {
            source: "airflow".into(),
            path: "a/attempt=1.log".into(),
            host: "worker 1".into(),
            kind: StreamKind::Other,
            task: None,
            deployment: Deployment::default(),
        });
        assert_eq!(key("a/attempt=1.log", &stream), "a/attempt=1.log.19700101T000000.000Z-worker_1");
        assert!(unique_key("a", &stream).ends_with("-generation"));
    }
}
