//! Running other programs from the repository's root, saying first what is run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Why a task could not be done, in words for whoever typed it.
#[derive(Debug)]
pub struct Trouble(String);

impl From<String> for Trouble {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub type Outcome<T = ()> = Result<T, Trouble>;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where set-up and demo put what they make.
pub fn ours() -> PathBuf {
    root().join("target")
}

/// Where cargo puts what it builds: the same place, unless it is told another.
pub fn cargos() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(ours, |told| root().join(told))
}

/// A heading, so that a long run can be read.
pub fn heading(words: &str) {
    println!("\n== {words}");
}

/// A command in the repository's root.
pub fn command(program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(root());
    command
}

/// The cargo that runs us.
pub fn cargo(arguments: &[&str]) -> Command {
    command(std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from), arguments)
}

/// Runs a command to its end, its output being ours.
pub fn run(mut command: Command) -> Outcome {
    let shown = shown(&command);
    println!("   $ {shown}");
    let begun = Instant::now();
    let status = command.status().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if !status.success() {
        return Err(format!("`{shown}` failed ({status})").into());
    }
    println!("   done in {:.0?}", begun.elapsed());
    Ok(())
}

/// Whether a command can be started and ends well; nothing of it is shown.
pub fn works(mut command: Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// What a command prints, without the line break at its end.
pub fn output_of(mut command: Command) -> Outcome<String> {
    let shown = shown(&command);
    let output = command.output().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{shown}` failed ({}): {words}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.strip_prefix(root()).unwrap_or(program).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}
