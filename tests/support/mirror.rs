//! Large files and their objects: the two pipelines that mirror them, and bytes to fill them with.

use crate::{BUCKET, LogFolder, Moto, Updraft, eventually};

/// One MiB.
pub const MIB: usize = 1024 * 1024;

/// Each object is its file, brought up to date as fast as can be.
pub const COPIED: &str = r"
sources:
  airflow: { type: airflow }
sinks:
  s3: { type: aws_s3, inputs: [airflow], bucket: my-bucket, key_prefix: logs/, refresh_secs: 0.1 }
";

/// Each object is what the normalizer lets through of its file: all of it.
pub const NORMALIZED: &str = r"
sources:
  airflow: { type: airflow, join_ms: 1, partial_line_secs: 0.1 }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  s3: { type: aws_s3, inputs: [normalize], bucket: my-bucket, key_prefix: logs/, refresh_secs: 0.1 }
";

impl Updraft {
    /// These logs to the bucket of this moto by one of the pipelines above, with anyone's identity.
    #[must_use]
    pub fn mirroring(self, logs: &LogFolder, moto: &Moto, pipeline: &str) -> Self {
        self.on(moto).deployed(logs).as_anyone().config("pipeline.yaml", pipeline)
    }
}

impl Moto {
    /// Waits until the object of a file has so many bytes.
    pub fn wait_for_size(&self, file: &str, size: usize) {
        let key = format!("logs/{file}");
        eventually("the object to be as long as its file", || {
            (self.sizes(BUCKET).get(&key) == Some(&size)).then_some(())
        });
    }
}

/// So many bytes (10 or more) of log lines, like no other's of another `seed`; the last one has its end.
pub fn text(seed: u32, bytes: usize) -> Vec<u8> {
    let filler = "x".repeat(469);
    let mut text = Vec::with_capacity(bytes);
    for number in 0_u32.. {
        let line = format!("{seed:08} [2026-11-21T12:00:00] {number:010} {filler}\n");
        if text.len() + line.len() + 10 > bytes {
            break;
        }
        text.extend_from_slice(line.as_bytes());
    }
    text.extend_from_slice(format!("{seed:08}").as_bytes());
    text.resize(bytes - 1, b'.');
    text.push(b'\n');
    text
}
