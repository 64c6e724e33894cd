//! moto by HTTPS, with an authority that nobody but the test knows.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::moto::{FIXTURES_NOW, Moto};

/// Where it listens, and the folder with certificates and keys.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

impl Moto {
    /// Starts a server that takes HTTPS, too. It asks clients for a certificate, and lets in those without.
    pub fn start_with_tls() -> Self {
        Self::start_with(
            Some(tempfile::tempdir().expect("the temp folder can be written")),
            Some(FIXTURES_NOW),
        )
    }

    /// Where it takes HTTPS.
    pub fn secure_endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.tls().port)
    }

    /// One of `ca.pem`, and `client.pem` and `client.key`, which are for the common name `updraft`.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.tls().folder.path().join(name)
    }

    fn tls(&self) -> &Tls {
        self.tls.as_ref().expect("started with TLS")
    }
}
