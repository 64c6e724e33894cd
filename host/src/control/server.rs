//! Answers questions on the control socket, a few at a time, for as long as its [`Control`] lives.

use super::address::Address;
use super::protocol::{self, Answer, MAX_REQUEST, Verb};
use crate::cursor::DataDirLock;
use crate::pipeline::{Drainer, Pipeline, ReloadError, Reloader, Reread};
use crate::source::Which;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};

/// Questions at a time; one more is turned away.
const AT_ONCE: usize = 16;
/// How long a client may take to ask, and to read a line.
const PATIENCE: Duration = Duration::from_secs(5);
/// Progress is told so often.
const TELL: Duration = Duration::from_secs(1);
/// The longest drain.
const LONGEST: Duration = Duration::from_hours(24);
/// How long after the end of a run those who still wait may be answered.
const FAREWELL: Duration = Duration::from_secs(1);
/// After a failure to accept (no file descriptor left, say).
const PAUSE: Duration = Duration::from_secs(1);

/// The control socket of a pipeline. Dropping it ends it, and whoever is being answered hears no more. As long as it lives
/// the data dir stays locked: drop it with the pipeline, or just after.
pub struct Control {
    /// The loop that accepts; it owns those that answer.
    accepting: JoinSet<JoinSet<()>>,
    stop: watch::Sender<bool>,
    address: Address,
    /// Nobody else makes a socket there before ours is gone.
    _lock: Arc<DataDirLock>,
}

/// Who does what is asked.
#[derive(Clone)]
struct Able {
    drainer: Arc<Drainer>,
    reloader: Arc<Reloader>,
    /// None: the config came from nowhere that could be read again.
    reread: Option<Reread>,
}

impl Control {
    /// Listens in the pipeline's data dir, on the caller's tokio runtime. A socket that a killed host left is replaced.
    /// `reread` reads the config again when somebody asks for a reload; without it nobody can.
    pub fn start(pipeline: &Pipeline, reread: Option<Reread>) -> io::Result<Self> {
        let lock = pipeline.data_dir();
        let address = Address::of(lock.dir())?;
        let new = address.new_socket();
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new)?;
        std::fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        std::fs::rename(&new, address.socket())?;
        let (stop, stopped) = watch::channel(false);
        let mut accepting = JoinSet::new();
        let able = Able { drainer: pipeline.drainer(), reloader: pipeline.reloader(), reread };
        accepting.spawn(accept(listener, able, stopped));
        Ok(Self { accepting, stop, address, _lock: lock })
    }

    /// Takes no more questions; those under way have a moment to be answered.
    pub async fn close(mut self) {
        self.stop.send_replace(true);
        let answered = async {
            if let Some(Ok(mut answering)) = self.accepting.join_next().await {
                while answering.join_next().await.is_some() {}
            }
        };
        // Who is not answered by then sees the connection end.
        let _ = timeout(FAREWELL, answered).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // If it stays, nobody listens there, and the next start replaces it.
        let _ = std::fs::remove_file(self.address.socket());
    }
}

async fn accept(listener: UnixListener, able: Able, mut stopped: watch::Receiver<bool>) -> JoinSet<()> {
    let mut answering = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return answering,
        };
        while answering.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) if !is_friend(&stream) => {}
            Ok((stream, _)) => {
                let has_room = answering.len() < AT_ONCE;
                answering.spawn(answer(stream, able.clone(), has_room));
            }
            Err(error) => {
                tracing::debug!("control socket: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The socket's mode says the same, but was set a moment after it was made.
fn is_friend(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0)
}

async fn answer(stream: UnixStream, able: Able, has_room: bool) {
    let (reader, mut writer) = stream.into_split();
    if !has_room {
        let busy = Answer::Refused(format!("{AT_ONCE} others are asking just now; try again"));
        return say(&mut writer, &busy).await.unwrap_or_default();
    }
    let mut reader = BufReader::new(reader);
    let Ok(Some(line)) = timeout(PATIENCE, question(&mut reader)).await else { return };
    let answered = match protocol::parse(&line) {
        Ok(Verb::Drain { which, timeout_secs }) => {
            drain(&mut writer, &able.drainer, which, timeout_secs).await
        }
        Ok(Verb::Reload {}) => reload(&mut writer, &able).await,
        Err(refused) => say(&mut writer, &Answer::Refused(refused)).await,
    };
    if let Err(error) = answered {
        tracing::debug!("control socket: who asked listens no more: {error}");
    }
}

async fn question(reader: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(MAX_REQUEST).read_until(b'\n', &mut line).await.ok()?;
    (line.last() == Some(&b'\n')).then_some(line)
}

async fn say(writer: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    timeout(PATIENCE, writer.write_all(&line)).await?
}

async fn drain(
    writer: &mut OwnedWriteHalf,
    drainer: &Drainer,
    which: Which,
    timeout_secs: f64,
) -> io::Result<()> {
    let pattern = match which.pattern() {
        Ok(pattern) => pattern,
        Err(error) => return say(writer, &Answer::Refused(error.to_string())).await,
    };
    let longest = Duration::try_from_secs_f64(timeout_secs).unwrap_or_default().min(LONGEST);
    let left = AtomicU64::new(0);
    let mut result =
        std::pin::pin!(drainer.drain(&pattern, longest, |bytes| left.store(bytes, Ordering::Relaxed)));
    let mut tell = tokio::time::interval(TELL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            done = &mut result => return say(writer, &Answer::Drained(done)).await,
            _ = tell.tick() => {
                let bytes_left = left.load(Ordering::Relaxed);
                say(writer, &Answer::Progress { bytes_left }).await?;
            }
        }
    }
}

async fn reload(writer: &mut OwnedWriteHalf, able: &Able) -> io::Result<()> {
    let Some(reread) = &able.reread else {
        let why = "this updraft was not started from a file: there is nothing to read again";
        return say(writer, &Answer::Refused(why.to_owned())).await;
    };
    let mut result = std::pin::pin!(able.reloader.reread(reread));
    let mut tell = tokio::time::interval(TELL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            done = &mut result => {
                let answer = match done {
                    Ok(reloaded) => Answer::Reloaded(reloaded),
                    Err(error) => Answer::NotReloaded {
                        bad_config: matches!(error, ReloadError::Config(_)),
                        why: error.to_string(),
                    },
                };
                return say(writer, &answer).await;
            }
            _ = tell.tick() => say(writer, &Answer::Working).await?,
        }
    }
}
