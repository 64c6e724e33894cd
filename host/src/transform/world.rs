//! The world that a guest finds itself in: WASI with nothing in it, clocks that stand still, and dice that fall the same in
//! every call. So what a guest makes of a batch depends on the batch alone, unless its config grants it more.

use super::voice::Voice;
use crate::config::Grants;
use rand_core::TryRng;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

/// Random bytes that a guest may ask for at once; browsers give as many.
/// Source: <https://www.w3.org/TR/webcrypto/#Crypto-method-getRandomValues>
const MAX_RANDOM: u64 = 65_536;
/// What the two of `wasi:random/insecure-seed` begin with. Any number would do.
const SEED: u128 = 0x7570_6472_6166_745f_7570_6472_6166_7421;

/// What a guest sees of the world outside.
pub struct World {
    wasi: WasiCtx,
    dice: Dice,
}

impl World {
    /// No files, no network, no environment, no arguments; stdout and stderr are logged.
    pub fn new(grants: Grants, voice: &Voice) -> Self {
        let (mut wasi, dice) = (WasiCtx::builder(), Dice::default());
        wasi.allow_blocking_current_thread(true).stdout(voice.clone()).stderr(voice.clone());
        // Not even a socket that leads nowhere: it would be one of the host's files.
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        wasi.max_random_size(MAX_RANDOM);
        if !grants.clock {
            wasi.wall_clock(Still).monotonic_clock(Still);
        }
        if !grants.random {
            wasi.secure_random(dice.clone()).insecure_random(dice.clone()).insecure_random_seed(SEED);
        }
        Self { wasi: wasi.build(), dice }
    }

    /// For WASI.
    pub fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }

    /// What calls before this one did to the dice is forgotten.
    pub fn begin_call(&self) {
        self.dice.thrown.store(0, Ordering::Relaxed);
    }
}

/// Both clocks of a guest that has none. Its waits are real all the same, and end with its time.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// The same numbers in every call, of every build of Updraft. Clones are the same one.
#[derive(Clone, Default)]
struct Dice {
    thrown: Arc<AtomicU64>,
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    /// `SplitMix64`. Source: <https://doi.org/10.1145/2714064.2660195>
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let throw = self.thrown.fetch_add(1, Ordering::Relaxed) + 1;
        let mixed = throw.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(size_of::<u64>()) {
            let Ok(number) = self.try_next_u64();
            chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;

    #[test]
    fn each_call_finds_the_same_dice_and_no_two_throws_of_it_are_alike() {
        let mut dice = Dice::default();
        // What the paper's reference code gives for seed 0: guests may rely on it from one release to the next.
        assert_eq!(dice.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(dice.next_u64(), 0x6e78_9e6a_a1b9_65f4);
        let mut bytes = [0; 11];
        dice.fill_bytes(&mut bytes);
        assert_eq!(bytes[..8], 0x06c4_5d18_8009_454f_u64.to_le_bytes());
        assert_ne!(bytes[8..], [0; 3]);
    }
}
