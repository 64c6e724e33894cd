//! The real `updraft` binary, run with nothing in its environment but what the test says.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::{Keys, Moto, REGION, eventually};

/// The binary that cargo built for this test.
#[macro_export]
macro_rules! updraft {
    ($($argument:expr),* $(,)?) => {
        $crate::Updraft::at(env!("CARGO_BIN_EXE_updraft"))$(.arg($argument))*
    };
}

/// A run of the binary that has not begun.
#[derive(Debug)]
pub struct Updraft {
    command: Command,
    home: TempDir,
}

impl Updraft {
    /// The binary at that path, its environment empty but for a home of its own and a search path.
    pub fn at(binary: impl AsRef<Path>) -> Self {
        let home = tempfile::tempdir().expect("the temp folder can be written");
        let mut command = Command::new(binary.as_ref());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_BACKTRACE", "1")
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command, home }
    }

    /// Its home folder, which is also where it starts: the place for config files. Gone with the run.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// One more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// More variables.
    #[must_use]
    pub fn envs<'a>(self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        variables.into_iter().fold(self, |updraft, (name, value)| updraft.env(name, value))
    }

    /// AWS is this moto, the ambient region [`REGION`].
    #[must_use]
    pub fn on(self, moto: &Moto) -> Self {
        self.env("AWS_ENDPOINT_URL", moto.endpoint()).env("AWS_REGION", REGION)
    }

    /// The ambient identity is this user.
    #[must_use]
    pub fn signing_with(self, keys: &Keys) -> Self {
        self.env("AWS_ACCESS_KEY_ID", &keys.id).env("AWS_SECRET_ACCESS_KEY", &keys.secret)
    }

    /// Writes a file into its home and gives it as `--config`.
    #[must_use]
    pub fn config(self, name: &str, text: &str) -> Self {
        let file = self.home().join(name);
        std::fs::write(&file, text).expect("the home can be written");
        self.arg("--config").arg(file)
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.spawn().wait()
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running {
        let mut process = self.command.spawn().expect("the binary can be started");
        let stdout = Captured::new(process.stdout.take().expect("stdout is piped"));
        let stderr = Captured::new(process.stderr.take().expect("stderr is piped"));
        Running { process, stdout, stderr, _home: self.home }
    }
}

/// A run of the binary. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    process: Child,
    stdout: Captured,
    stderr: Captured,
    _home: TempDir,
}

impl Running {
    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// What it has printed on stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("it can be waited for").is_some()
    }

    /// SIGTERM: asks it to stop. See [`wait`](Self::wait) for how it ended.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGHUP: asks it to read its config again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("there is a kill command");
        assert!(sent.success(), "no {signal} to {id}");
    }

    /// SIGKILL: ends it where it stands.
    pub fn kill(mut self) -> Finished {
        self.process.kill().expect("it can be killed");
        self.wait()
    }

    /// Waits for its end; panics with its stderr when it takes longer than [`PATIENCE`](crate::PATIENCE).
    pub fn wait(mut self) -> Finished {
        let status =
            eventually("the binary to end", || self.process.try_wait().expect("it can be waited for"));
        Finished { status, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended, as a rule; then both do nothing.
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- stderr of the binary ---\n{}---", self.stderr());
        }
    }
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All it printed.
    pub stdout: String,
    /// All it said.
    pub stderr: String,
}

impl Finished {
    /// The exit code; none when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Panics with its stderr unless it ended with this code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert!(self.code() == Some(code), "{}, not {code}; it said:\n{}", self.status, self.stderr);
        self
    }
}

/// A pipe, read to its end by a thread so that the binary never waits for us.
#[derive(Debug)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn new(pipe: impl std::io::Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                into.lock().expect("no reader panics").append(&mut line);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no reader panics")).into_owned()
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.text()
    }
}
