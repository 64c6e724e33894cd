//! Promise: whatever happens to files, services and the host, nothing is lost but what was reported, nothing comes again
//! but what a kill or a lost reply allows, every file keeps its order, and objects are their files.

use std::path::Path;

use updraft_torture::{Plan, run};

fn torture(seed: u64) {
    match run(&Plan::short(seed), Path::new(env!("CARGO_BIN_EXE_updraft"))) {
        Ok(card) => println!("{card}"),
        Err(failure) => panic!("{failure}\nagain: cargo xtask torture --short --seed {seed}"),
    }
}

#[test]
fn nothing_is_lost_repeated_or_mixed_up_with_a_log_stream_for_each_file() {
    torture(1);
}

#[test]
fn nothing_is_lost_repeated_or_mixed_up_with_one_log_stream_for_all() {
    torture(2);
}
