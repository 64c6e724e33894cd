//! From events to a request that is signed: texts are encoded, packed into puts, and put, up to the network.

use crate::lines::{KINDS, Log, batch, origin};
use criterion::{BatchSize, Criterion, Throughput};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::sync::Arc;
use updraft::bench::{self, LogStreamName, Packer, Piece, Written, limits};
use updraft::config::Codec;
use updraft::event::{Batch, NotHere};

const CODECS: [(&str, Codec); 2] = [("json", Codec::Json), ("raw", Codec::Raw)];

/// Texts as they stand in the body of a put.
pub fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (kind, fixtures) in KINDS {
        let log = Log::of(fixtures);
        let batches = normalized(&log);
        group.throughput(Throughput::Bytes(log.size));
        for (name, codec) in CODECS {
            group.bench_function(format!("{kind} as {name}"), |bencher| {
                bencher.iter(|| {
                    for batch in &batches {
                        wire(batch, codec, |written| drop(black_box(written)));
                    }
                });
            });
        }
    }
}

/// Full puts of texts that are there.
pub fn pack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pack");
    for (kind, fixtures) in KINDS {
        let log = Log::of(fixtures);
        let texts = encoded(&normalized(&log), Codec::Json);
        group.throughput(Throughput::Bytes(log.size));
        group.bench_function(kind, |bencher| {
            let pack = |texts: Vec<Piece<()>>| {
                let mut packer = packer();
                for piece in texts {
                    packer.add(piece);
                    if packer.is_full() {
                        black_box(packer.take());
                    }
                }
                packer
            };
            bencher.iter_batched(|| texts.clone(), pack, BatchSize::LargeInput);
        });
    }
}

/// A full put: its body, its signature and all else that the SDK does before it asks the network. Beside it the hash of such
/// a body, which the signature needs.
pub fn put(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let client = bench::client();
    let name = LogStreamName { group: "/bench".to_owned(), name: "etl/load/1".to_owned() };
    let (_, fixtures) = KINDS[0];
    let mut packer = packer();
    for text in encoded(&normalized(&Log::of(fixtures)), Codec::Json) {
        if !packer.is_full() {
            packer.add(text);
        }
    }
    let put = packer.take().expect("there are texts");
    let mut group = criterion.benchmark_group("sign");
    group.throughput(Throughput::Bytes(put.bytes as u64));
    group.bench_function("put", |bencher| {
        bencher.iter(|| {
            let answer = runtime.block_on(client.put_log_events(&name, &put.pieces));
            black_box(answer).expect("this network takes all");
        });
    });
    let body: Vec<u8> = put.pieces.iter().flat_map(Piece::body).collect();
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("sha-256", |bencher| bencher.iter(|| Sha256::digest(black_box(&body))));
}

fn packer() -> Packer<()> {
    Packer::new(limits::of_put(limits::MAX_PUT_EVENTS, limits::MAX_PUT_BYTES))
}

/// All batches of a file, as the built-in component makes them.
fn normalized(log: &Log) -> Vec<Batch> {
    let (normalize, origin) = (bench::normalizer(), Arc::new(origin()));
    let batches = log.batches().into_iter().map(|lines| {
        let events = normalize(&origin, &lines.bytes, &lines.ends);
        batch(&origin, lines, events)
    });
    batches.collect()
}

/// As if all were of one time: what is of different days goes different ways.
fn wire(batch: &Batch, codec: Codec, mut emit: impl FnMut(Written)) {
    let (all, most) = (NotHere::default(), limits::MAX_EVENT_BYTES);
    bench::wire(batch, &all, codec, most, |_| 0, |_, written| emit(written));
}

fn encoded(batches: &[Batch], codec: Codec) -> Vec<Piece<()>> {
    let mut texts = Vec::new();
    for batch in batches {
        wire(batch, codec, |written| texts.extend(Piece::of(0, written, ())));
    }
    texts
}
