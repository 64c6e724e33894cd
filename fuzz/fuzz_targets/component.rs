//! Any bytes at all, as if they were a component: they are refused, or they load.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| updraft::fuzzing::component(bytes));
