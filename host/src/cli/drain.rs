//! `updraft drain`: asks a running host to deliver chosen files now, and says what came of it.

use super::{ConfigFile, Tries};
use clap::{ArgGroup, Args};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;
use updraft::config::{self, Env};
use updraft::control::{self, Answer, Verb};
use updraft::{Drained, StartError, Which};

/// The time was over before everything was delivered, or something of it was lost.
const NOT_ALL: u8 = 1;
/// The options say nothing that can be done.
const BAD_ARGUMENTS: u8 = 2;
/// No host runs there, or it does not answer.
const NO_HOST: u8 = 3;

/// Options of `drain`.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("files").required(true).multiple(true).args(["all", "path"]).args(Tries::ARGUMENTS))]
pub struct Drain {
    /// Every file
    #[arg(long, conflicts_with_all = Tries::ARGUMENTS, conflicts_with = "path")]
    pub all: bool,
    /// Files whose path below the log folder (or whole path) is this or fits this glob
    #[arg(long, value_name = "GLOB", conflicts_with_all = Tries::ARGUMENTS)]
    pub path: Option<String>,
    /// Of which tries.
    #[command(flatten)]
    pub tries: Tries,
    /// Data dir of the running updraft; default: the one that `run` would use, given the same config or environment
    #[arg(long, value_name = "DIR", conflicts_with = "path_of_config")]
    pub data_dir: Option<PathBuf>,
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Exit 1 when not everything was delivered by then; such as 25s, 2m, or seconds
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = super::duration)]
    pub timeout: Duration,
}

impl Drain {
    fn which(&self) -> Which {
        match &self.path {
            _ if self.all => Which::All,
            Some(path) => Which::Path(path.clone()),
            None => self.tries.which(),
        }
    }
}

/// Asks, waits, and says on stderr what came of it.
pub fn drain(options: &Drain, env: &Env) -> Result<u8, StartError> {
    let which = options.which();
    if let Err(error) = which.clone().pattern() {
        anstream::eprintln!("updraft: --path: {error}");
        return Ok(BAD_ARGUMENTS);
    }
    let data_dir = match (&options.data_dir, &options.config.path) {
        (Some(dir), _) => dir.clone(),
        (None, Some(path)) => config::load(path, env)?.data_dir,
        (None, None) => config::from_environment(env)?.data_dir,
    };
    let verb = Verb::Drain { which, timeout_secs: options.timeout.as_secs_f64() };
    let told = |bytes_left| tracing::debug!("{bytes_left} bytes are to be delivered");
    match control::ask(&data_dir, verb, told) {
        Ok(Answer::Drained(drained)) => {
            anstream::eprintln!("{}", summary(&drained));
            Ok(if drained.is_done() { 0 } else { NOT_ALL })
        }
        Ok(other) => {
            anstream::eprintln!("updraft: the host answers something else: {other:?}");
            Ok(NO_HOST)
        }
        Err(error) => {
            anstream::eprintln!("updraft: {error}");
            Ok(NO_HOST)
        }
    }
}

/// For whoever reads the events of the pod.
fn summary(drained: &Drained) -> String {
    let Drained { files, bytes, all_seen, lost, lacking } = drained;
    let mut text = match (files, lacking.is_empty(), lost) {
        (0, ..) => "no such file is there: nothing to deliver".to_owned(),
        (_, true, 0) => format!("delivered: {files} files, {bytes} bytes that some sink lacked"),
        (_, true, _) => {
            format!("not all was delivered: {files} files were meant, {bytes} bytes that some sink lacked")
        }
        (_, false, _) => format!("not delivered in time: {files} files were meant"),
    };
    if *lost > 0 {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n{lost} bytes are lost: their files were deleted or overwritten before they were read; the host's log says which"
        );
    }
    if !all_seen {
        text.push_str(
            "\nthe log folder could not be looked through in time and as a whole: there may be more",
        );
    }
    for sink in lacking {
        // Writing to a string does not fail.
        let _ = write!(text, "\nsink {} lacks {} bytes of {} files", sink.sink, sink.bytes, sink.files);
        if let Some(trouble) = &sink.trouble {
            let _ = write!(text, ": {trouble}");
        }
        for (path, bytes) in &sink.of {
            let _ = write!(text, "\n  {bytes} bytes of {path}");
        }
        if sink.files > sink.of.len() as u64 {
            text.push_str("\n  …");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parse(line: &str) -> Result<Drain, clap::Error> {
        match Cli::try_parse_from(line.split_whitespace())?.command {
            Command::Drain(drain) => Ok(drain),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_meant_is_all_a_path_or_tries() {
        assert_eq!(parse("updraft drain --all").unwrap().which(), Which::All);
        let path = parse("updraft drain --path dag_id=d/** --data-dir /d").unwrap();
        assert_eq!(path.which(), Which::Path("dag_id=d/**".into()));
        let one = parse("updraft drain --dag-id d --task-id t --map-index -1 --try 2 --timeout 5s").unwrap();
        assert_eq!(one.timeout, Duration::from_secs(5));
        let expected = Which::Tries {
            dag_id: Some("d".into()),
            run_id: None,
            task_id: Some("t".into()),
            map_index: Some(-1),
            try_number: Some(2),
        };
        assert_eq!(one.which(), expected);
        for bad in [
            "updraft drain",
            "updraft drain --timeout 5s",
            "updraft drain --all --dag-id d",
            "updraft drain --all --path x",
            "updraft drain --path x --try 1",
            "updraft drain --try one",
            "updraft drain --all --config c.yaml --data-dir d",
        ] {
            assert_eq!(parse(bad).expect_err(bad).exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn the_summary_says_who_lacks_what_and_why() {
        let done = Drained { files: 2, bytes: 10, all_seen: true, lost: 0, lacking: Vec::new() };
        assert!(done.is_done());
        assert_eq!(summary(&done), "delivered: 2 files, 10 bytes that some sink lacked");
        let deleted = Drained { lost: 4, ..done.clone() };
        assert!(!deleted.is_done());
        let text = summary(&deleted);
        assert!(text.contains("4 bytes are lost") && text.contains("not all was delivered"), "{text}");
        let lacking = updraft::Lacking {
            sink: "s3".into(),
            bytes: 7,
            files: 3,
            of: vec![("a.log".into(), 5)],
            trouble: Some("no such bucket".into()),
        };
        let text = summary(&Drained { lacking: vec![lacking], all_seen: false, ..done });
        for says in [
            "not delivered in time",
            "may be more",
            "s3 lacks 7 bytes of 3 files: no such bucket",
            "5 bytes of a.log",
            "…",
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
    }
}
