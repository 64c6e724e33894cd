//! What `do` may say, as far as it needs no lines.

use crate::{Config, ambient};
use std::io::Read;
use std::time::Duration;
use updraft_guest::{Severity, host};

/// A line that no log should have to hold.
const LONG_LINE: usize = 1 << 20;

/// Does it, now. An unknown deed is none.
pub fn commit(deed: &str, config: &Config) -> Result<(), String> {
    match deed {
        "loop" => loop {
            std::hint::black_box(deed);
        },
        "sleep" => std::thread::sleep(Duration::from_hours(1)),
        "nap" => (0..1_000_000).for_each(|_| std::thread::sleep(Duration::from_millis(1))),
        "grow" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "overflow" => return Err(format!("it came back with {}", descend(0))),
        "unreachable" => trap(),
        "panic" => panic!("poisoned"),
        "err" => return Err("poisoned".to_owned()),
        "speak" => println!("poisoned"),
        "flood" => flood(config.option("lines").unwrap_or(20_000)),
        "read" => {
            let read = std::io::stdin().read(&mut [0; 100]);
            return Err(format!("stdin gave {read:?}"));
        }
        "ambient" => return Err(ambient::report(config.option("connect"))),
        _ => {}
    }
    Ok(())
}

/// A trap without a word before it, unlike a panic's.
pub fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

/// Without end, and with nothing in linear memory: that has a stack of its own, whose end would be found first. What
/// is done with the result keeps the compiler from making a loop of it.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    descend(depth + 1).rotate_left(7).wrapping_mul(depth | 1) ^ depth
}

/// So many lines on every way that leads to the host's log, and one that is too long.
fn flood(lines: u32) {
    for number in 0..lines {
        host::log(Severity::ERROR, &format!("flood {number} by host.log"));
        println!("flood {number} by stdout");
        eprintln!("flood {number} by stderr");
    }
    println!("{}", "long ".repeat(LONG_LINE / 5));
    host::log(Severity::ERROR, &"long ".repeat(LONG_LINE / 5));
}
