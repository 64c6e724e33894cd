//! From a file to checked events: lines are read and cut, the built-in component is called, what it returns is checked.

use crate::lines::{KINDS, Log, origin};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use updraft::bench;

/// Line splitting.
pub fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for (kind, fixtures) in KINDS {
        let log = Log::of(fixtures);
        group.throughput(Throughput::Bytes(log.size));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| {
                let mut offset = 0;
                while let Some(lines) = log.read(offset) {
                    offset += black_box(lines).bytes.len() as u64;
                }
            });
        });
    }
}

/// The guest call, with what crosses the border in both directions.
pub fn normalize(criterion: &mut Criterion) {
    let (normalize, origin) = (bench::normalizer(), origin());
    let mut group = criterion.benchmark_group("normalize");
    for (kind, fixtures) in KINDS {
        let log = Log::of(fixtures);
        let batches = log.batches();
        group.throughput(Throughput::Bytes(log.size));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| {
                for lines in &batches {
                    black_box(normalize(&origin, &lines.bytes, &lines.ends));
                }
            });
        });
    }
}

/// The check of what came back. What is good is left as it is, so that the same can be checked again.
pub fn validate(criterion: &mut Criterion) {
    let (normalize, origin) = (bench::normalizer(), origin());
    let mut group = criterion.benchmark_group("validate");
    for (kind, fixtures) in KINDS {
        let log = Log::of(fixtures);
        let made = log.batches().into_iter().map(|lines| {
            let events = normalize(&origin, &lines.bytes, &lines.ends);
            (lines, events)
        });
        let mut made: Vec<_> = made.collect();
        group.throughput(Throughput::Bytes(log.size));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| {
                for (lines, events) in &mut made {
                    let checked = bench::validate(&mut lines.bytes, &lines.ends, events);
                    black_box(checked).expect("the built-in component returns what is good");
                }
            });
        });
    }
}
