//! What an object of many events looks like: its name, its bytes, and what it says of itself.

use crate::config::{Codec, Compression, ObjectBatch};
use bytes::Bytes;
use flate2::GzBuilder;
use flate2::write::GzEncoder;
use std::io::{Result, Write};

/// As fast as it goes without giving much away. <https://facebook.github.io/zstd/#benchmarks>
const ZSTD_LEVEL: i32 = 3;

/// Makes objects of text.
#[derive(Debug, Clone)]
pub struct Shape {
    codec: Codec,
    compression: Compression,
    extension: String,
}

impl Shape {
    /// As the config says.
    pub fn new(layout: &ObjectBatch) -> Self {
        let plain = match layout.codec {
            Codec::Json => "ndjson",
            Codec::Text | Codec::Raw | Codec::Airflow => "log",
        };
        let compressed = match layout.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        };
        let extension = layout.extension.clone().unwrap_or_else(|| format!("{plain}{compressed}"));
        Self { codec: layout.codec, compression: layout.compression, extension }
    }

    /// A name that no other object has: when it was done (sortable), and a number of its own.
    pub fn name(&self, now: jiff::Timestamp) -> String {
        let id = uuid::Uuid::new_v4().simple();
        let dot = if self.extension.is_empty() { "" } else { "." };
        format!("{}-{id}{dot}{}", now.strftime("%Y%m%dT%H%M%SZ"), self.extension)
    }

    /// The same text always gives the same bytes.
    pub fn bytes(&self, text: &Bytes) -> Result<Bytes> {
        match self.compression {
            Compression::None => Ok(text.clone()),
            Compression::Gzip => {
                let into = Vec::with_capacity(text.len() / 8);
                let mut gzip: GzEncoder<_> = GzBuilder::new().write(into, flate2::Compression::default());
                gzip.write_all(text)?;
                gzip.finish().map(Bytes::from)
            }
            Compression::Zstd => zstd::encode_all(&**text, ZSTD_LEVEL).map(Bytes::from),
        }
    }

    /// What bytes it makes, as the store keeps it: an object's name goes with them.
    pub fn id(&self) -> String {
        let codec = match self.codec {
            Codec::Json => "json",
            Codec::Text => "text",
            Codec::Raw => "raw",
            Codec::Airflow => "airflow",
        };
        let compression = match self.compression {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        format!("{codec} {compression}")
    }

    /// What it is.
    pub fn content_type(&self) -> &'static str {
        match self.codec {
            Codec::Json => "application/x-ndjson",
            Codec::Text | Codec::Raw | Codec::Airflow => "text/plain; charset=utf-8",
        }
    }

    /// How it is compressed, as HTTP names it.
    pub fn content_encoding(&self) -> Option<&'static str> {
        match self.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn shape(compression: Compression) -> Shape {
        Shape { codec: Codec::Json, compression, extension: "x".into() }
    }

    #[test]
    fn the_same_text_always_gives_the_same_bytes_and_comes_back() {
        let text: Bytes = (0..200_000_u32).flat_map(|at| (at % 977).to_string().into_bytes()).collect();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let bytes = shape(compression).bytes(&text).expect("memory");
            assert_eq!(bytes, shape(compression).bytes(&text).expect("memory"));
            let mut back = Vec::new();
            match compression {
                Compression::None => back = bytes.to_vec(),
                Compression::Gzip => {
                    flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut back).expect("gzip");
                }
                Compression::Zstd => back = zstd::decode_all(&*bytes).expect("zstd"),
            }
            assert!(back == text, "{compression:?}");
            assert!(compression == Compression::None || bytes.len() * 3 < text.len());
        }
    }

    #[test]
    fn names_sort_by_time_and_are_never_the_same() {
        let (early, late) = (jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::from_second(1).expect("time"));
        let name = |at| shape(Compression::None).name(at);
        assert!(name(early) < name(late));
        assert_ne!(name(early), name(early));
        assert_eq!(
            name(early).split_once('-').map(|(time, _)| time.to_owned()).as_deref(),
            Some("19700101T000000Z")
        );
        assert_eq!(name(early).rsplit_once('.').map(|(_, end)| end.to_owned()).as_deref(), Some("x"));
    }
}
