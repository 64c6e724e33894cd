//! Asks a running host. Blocks, and needs no runtime: whoever asks has nothing else to do.

use super::address::Address;
use super::protocol::{Answer, MAX_ANSWER, Request, VERSION, Verb};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A host that says nothing for so long does not live: it tells progress every second.
const SILENCE: Duration = Duration::from_secs(10);
/// A host that is asked to be done in less must have said so a little later.
const GRACE: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("{}", no_host(dir, error))]
    NoHost {
        /// The data dir.
        dir: PathBuf,
        /// What connecting came to.
        #[source]
        error: io::Error,
    },
    /// Somebody does, but said nothing more before there was a result.
    #[error("updraft on data dir {} does not answer: {error}; it may still do what it was asked", dir.display())]
    Silent {
        /// The data dir.
        dir: PathBuf,
        /// What reading came to.
        #[source]
        error: io::Error,
    },
    /// It would not.
    #[error("updraft on data dir {}: {why}", dir.display())]
    Refused {
        /// The data dir.
        dir: PathBuf,
        /// Its own words.
        why: String,
    },
}

fn no_host(dir: &Path, error: &io::Error) -> String {
    let dir = dir.display();
    if error.kind() == ErrorKind::PermissionDenied {
        format!("updraft on data dir {dir} may be asked by its own user and root only: {error}")
    } else {
        format!(
            "no updraft runs on data dir {dir}: {error}; is it the data dir of the one that you mean? (`run --once` cannot be asked.)"
        )
    }
}

/// Asks the host that runs on that data dir, and waits for its result. `told` hears of progress: bytes left.
pub fn ask(data_dir: &Path, verb: Verb, mut told: impl FnMut(u64)) -> Result<Answer, AskError> {
    let dir = || data_dir.to_owned();
    let mut stream = Address::of(data_dir)
        .and_then(|address| UnixStream::connect(address.socket()))
        .map_err(|error| AskError::NoHost { dir: dir(), error })?;
    let silent = |error| AskError::Silent { dir: dir(), error };
    send(&mut stream, verb).map_err(silent)?;
    let mut reader = BufReader::new(stream.take(MAX_ANSWER));
    loop {
        match receive(&mut reader).map_err(silent)? {
            Answer::Progress { bytes_left } => told(bytes_left),
            Answer::Working => {}
            Answer::Refused(why) => return Err(AskError::Refused { dir: dir(), why }),
            result @ (Answer::Drained(_) | Answer::Reloaded(_) | Answer::NotReloaded { .. }) => {
                return Ok(result);
            }
        }
    }
}

fn send(stream: &mut UnixStream, verb: Verb) -> io::Result<()> {
    let patience = match &verb {
        Verb::Drain { timeout_secs, .. } => Duration::try_from_secs_f64(*timeout_secs).unwrap_or(SILENCE),
        Verb::Reload {} => SILENCE,
    };
    let silence = patience.saturating_add(GRACE).min(SILENCE);
    stream.set_read_timeout(Some(silence))?;
    stream.set_write_timeout(Some(silence))?;
    let mut line = serde_json::to_vec(&Request { updraft: VERSION, verb })?;
    line.push(b'\n');
    stream.write_all(&line)
}

fn receive(reader: &mut impl BufRead) -> io::Result<Answer> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "it ended before it had a result")),
        Ok(_) => serde_json::from_str(&line).map_err(io::Error::other),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(io::Error::new(ErrorKind::TimedOut, "nothing was heard in time"))
        }
        Err(error) => Err(error),
    }
}
