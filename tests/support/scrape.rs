//! What a running binary shows at its metrics address.

use std::collections::BTreeMap;

use crate::{Running, Updraft, eventually, http};

/// Numbers of `/metrics`, by series as they are written: `updraft_lines_total{sink="s3"}`.
#[derive(Clone, Debug)]
pub struct Series(pub BTreeMap<String, f64>);

impl Series {
    /// A number; panics where there is no such series.
    pub fn number(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series} in {self:#?}"))
    }

    /// A number that counts something; panics where it is not whole.
    pub fn count(&self, series: &str) -> u64 {
        let number = self.number(series);
        assert!(number >= 0.0 && number.fract().abs() < f64::EPSILON, "{series}: {number}");
        number as u64
    }
}

impl Updraft {
    /// Shows metrics and probes on a free port of this machine.
    #[must_use]
    pub fn observed(self) -> Self {
        self.env("UPDRAFT_METRICS_ADDRESS", "127.0.0.1:0")
    }
}

impl Running {
    /// The port of [`Updraft::observed`], once it is taken.
    pub fn metrics_port(&self) -> u16 {
        eventually("the metrics address", || {
            let said = self.stderr();
            let (_, rest) = said.split_once("metrics on http://127.0.0.1:")?;
            rest.split_once('/')?.0.parse().ok()
        })
    }

    /// One GET; status and body.
    pub fn ask(&self, path: &str) -> (u16, String) {
        let (status, body) = http::request(self.metrics_port(), "GET", path, &[], b"");
        (status, String::from_utf8(body).expect("text is UTF-8"))
    }

    /// All numbers, once the pipeline has started.
    pub fn scrape(&self) -> Series {
        eventually("metrics", || {
            let (status, text) = self.ask("/metrics");
            (status == 200).then(|| series(&text))
        })
    }
}

/// The numbers of a text that Prometheus reads.
pub fn series(text: &str) -> Series {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let numbers = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no number: {line}"));
        (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
    });
    Series(numbers.collect())
}
