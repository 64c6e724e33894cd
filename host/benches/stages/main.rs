//! What each stage takes on the way of a line, by itself and on one core: `cargo bench -p updraft --features bench`.
//! Throughput is in bytes of log, whatever a stage makes of them; of `put` and `sha-256`, in those of the body.

mod batches;
mod deliver;
mod lines;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

criterion_group! {
    name = stages;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = batches::read, batches::normalize, batches::validate,
        deliver::encode, deliver::pack, deliver::put
}
criterion_main!(stages);
