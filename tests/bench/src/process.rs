//! Runs a program and says what it took: processor time of its own and the system's for it, wall time, peak memory.

use std::fs;
use std::io::{Error, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Of a second, as `/proc` counts them: the same on every Linux. <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
const TICKS: f64 = 100.0;

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Took {
    /// Seconds of processors, ours and the system's for us.
    pub cpu: f64,
    /// Seconds that went by.
    pub wall: f64,
    /// MB (10^6 bytes) of memory at its highest.
    pub peak: f64,
}

/// Runs it to its end, and fails with what it said where it fails.
pub fn run(mut command: Command) -> Result<Took, String> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    // To its end, so that it never waits for us.
    let mut said = String::new();
    let heard = child.stderr.take().map_or(Ok(0), |mut stderr| stderr.read_to_string(&mut said));
    heard.map_err(|error| format!("what it said cannot be read: {error}"))?;
    let (status, usage) = wait(&child)?;
    let wall = begun.elapsed().as_secs_f64();
    if status != 0 {
        return Err(format!("{} failed (status {status}): {said}", command.get_program().display()));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    Ok(Took { cpu, wall, peak: usage.ru_maxrss as f64 * 1024.0 / 1e6 })
}

/// The kernel counts by the nanosecond, but tells only whoever waits for the child.
fn wait(child: &Child) -> Result<(i32, libc::rusage), String> {
    let id = child.id().cast_signed();
    // SAFETY: both are plain numbers, for which zero is good; the kernel fills them, and they outlive the call.
    let (result, status, usage) = unsafe {
        let (mut status, mut usage) = (0, std::mem::zeroed::<libc::rusage>());
        let result = libc::wait4(id, &raw mut status, 0, &raw mut usage);
        (result, status, usage)
    };
    if result == id { Ok((status, usage)) } else { Err(format!("wait4: {}", Error::last_os_error())) }
}

/// A program that runs until it is no longer wanted.
pub struct Running(Child);

impl Running {
    /// Starts it; what it says goes nowhere.
    pub fn start(mut command: Command) -> Result<Self, String> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().map_err(|error| format!("cannot be started: {error}"))?;
        Ok(Self(child))
    }

    /// MB of memory now.
    pub fn memory(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/status", self.0.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("it has ended")?;
        let number = line.trim().trim_end_matches(" kB").parse::<f64>();
        number.map(|kb| kb * 1024.0 / 1e6).map_err(|error| format!("{path}: {error}"))
    }

    /// Seconds of processors so far, of all its threads, also of those that are over.
    pub fn cpu(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/stat", self.0.id());
        let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        // Its name may hold anything; what follows are numbers, `utime` and `stime` the 12th and 13th of them.
        let (_, rest) = stat.rsplit_once(") ").ok_or_else(|| format!("{path} is no stat"))?;
        let ticks =
            rest.split(' ').skip(11).take(2).map(|it| it.parse::<f64>().map_err(|error| error.to_string()));
        Ok(ticks.sum::<Result<f64, String>>()? / TICKS)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing of what it does is wanted any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again until it is so.
pub fn until(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let deadline = Instant::now() + patience;
    while !is_so()? {
        if Instant::now() > deadline {
            return Err(format!("waited {patience:?} for {what}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Writes a file, and the folders that it is in.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes)).map_err(|error| format!("{}: {error}", path.display()))
}
