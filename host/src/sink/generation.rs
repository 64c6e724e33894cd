//! What a generation is called when its own name is taken by another, or too long for a disk.

use crate::route;
use crate::source::Stream;
use sha2::{Digest, Sha256};

/// Longest name of a file or folder, in bytes.
/// <https://github.com/torvalds/linux/blob/master/include/uapi/linux/limits.h>
const NAME_MAX: usize = 255;
/// Bytes of the hash that keeps names apart that had to be cut.
const HASH_BYTES: usize = 6;

/// `NAME.<first seen, UTC, sortable>-<host>`: Airflow's reader reads by prefix, in byte order, and so shows both.
pub fn key(name: &str, stream: &Stream) -> String {
    let seen = jiff::Timestamp::from_millisecond(stream.first_seen).unwrap_or_default();
    let host = host_name(&stream.origin.host);
    route::object_key("", &format!("{name}.{}-{host}", seen.strftime("%Y%m%dT%H%M%S.%3fZ")))
}

/// The name of a machine as a part of other names.
pub fn host_name(host: &str) -> String {
    let plain = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '_') { it } else { '_' };
    host.chars().map(plain).collect()
}

/// The same, should even that name be taken: the generation's own unique id decides.
pub fn unique_key(name: &str, stream: &Stream) -> String {
    let id = &stream.generation;
    route::object_key("", &format!("{}-{}", key(name, stream), id.split('-').next().unwrap_or(id)))
}

/// The same as a path on local disk: a part between two `/` that is too long is cut and ends in a hash of the whole
/// part.
pub fn file_name(name: &str) -> String {
    let parts: Vec<String> = name.split('/').map(cut).collect();
    parts.join("/")
}

fn cut(part: &str) -> String {
    if part.len() <= NAME_MAX {
        return part.to_owned();
    }
    let hash =
        Sha256::digest(part).iter().take(HASH_BYTES).fold(0, |hash, &byte| hash << 8 | u64::from(byte));
    let hash = format!("-{hash:0width$x}", width = 2 * HASH_BYTES);
    format!("{}{hash}", &part[..part.floor_char_boundary(NAME_MAX - hash.len())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Deployment, Origin, StreamKind};
    use proptest::prelude::*;

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

    #[test]
    fn a_file_name_of_255_bytes_is_kept_and_one_of_256_is_cut_to_255() {
        let longest = "a".repeat(255);
        assert_eq!(file_name(&longest), longest);
        let cut = file_name(&"a".repeat(256));
        assert_eq!(cut.len(), 255);
        assert_ne!(cut, file_name(&"a".repeat(257)), "the hash keeps them apart");
        let folders = file_name(&format!("{longest}/{longest}b/c"));
        assert_eq!(folders.split('/').map(str::len).collect::<Vec<_>>(), [255, 255, 1]);
    }

    proptest! {
        #[test]
        fn every_part_of_a_file_name_fits_a_disk(name in "(\\PC{0,300}/){0,2}\\PC{1,300}") {
            let file = file_name(&name);
            prop_assert_eq!(file.matches('/').count(), name.matches('/').count());
            for (part, before) in file.split('/').zip(name.split('/')) {
                prop_assert!(part.len() <= 255);
                prop_assert_eq!(part == before, before.len() <= 255);
            }
        }
    }
}
