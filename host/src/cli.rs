//! The command line: what can be asked for, and the text of `--help`.

pub mod check;
pub mod drain;
pub mod explain;
pub mod inspect;
pub mod logging;
mod meter;
pub mod new;
pub mod prove;
pub mod reload;
pub mod replay;
pub mod run;
mod summary;
pub mod test;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use updraft::Which;

const EXAMPLES: &str = "\
Examples:
  updraft run                          pipeline from the environment (ASTRO_CLOUDWATCH_… and so on)
  updraft run --config pipeline.yaml   pipeline from a file
  updraft run --once                   deliver what is there, then exit
  updraft drain --all --timeout 25s    have a running updraft deliver everything now
  updraft reload --config p.yaml       have a running updraft exchange components and their config
  updraft validate --config p.yaml     is the config good? Talks to nobody
  updraft new transform mask           a component to begin with: source, tests, a pipeline to try it in
  updraft test p.yaml                  does the pipeline do what its own tests say?
  updraft explain FILE:7 -c p.yaml     what becomes of line 7, where would it go, and why? Sends nothing
  updraft inspect mask.wasm            what does this component want, and what would it get?
  updraft prove --dag-id etl           what went where, from the receipts
  updraft replay CAPSULE.json          does a component still fail on what it failed on?
  updraft check                        may it do its work? Asks AWS, and says what to mend

Exit codes:
  0  done; everything was delivered (check: all is well; prove: every sink has all; inspect: all are fit)
  1  ran, but not everything was delivered (check: something is to be mended; prove: something is missing or differs;
     inspect: a component would be refused at start; reload: what is on disk was not taken over; test: one failed)
  2  bad config or arguments (new: a bad name, or a folder that is not empty; explain: no source reads such a file, or it has
     no such line; test: there is none)
  3  cannot start (data dir, AWS region, component, required healthcheck); drain, reload: no updraft runs there; prove: no store;
     inspect: a component cannot be read; new: the project cannot be written

Logs go to stderr; only data that was asked for goes to stdout.";

/// Lifts Airflow's logs into the cloud: files → WebAssembly components → CloudWatch Logs and S3.
#[derive(Debug, Parser)]
#[command(name = "updraft", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How our own logs look.
    #[command(flatten)]
    pub logging: Logging,
}

/// How our own logs look; the same for every command.
#[derive(Debug, Clone, Args)]
pub struct Logging {
    /// Format of the log on stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Human)]
    pub log_format: LogFormat,
    /// error, warn, info, debug, trace, or a filter such as `updraft=debug,aws_config=info`
    #[arg(long, global = true, env = "UPDRAFT_LOG", default_value = "info", value_name = "LEVEL")]
    pub log_level: String,
}

/// Format of the log on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ship logs until SIGTERM or SIGINT, or with --once until all that is there is delivered
    ///
    /// On SIGTERM or SIGINT each file is read on to its present end, and what was read is delivered within
    /// --drain-timeout. What was not delivered is sent after the next start: the cursors know. On SIGHUP the config is
    /// read again, as `updraft reload` asks for (not with --once).
    Run(Run),
    /// Ask a running updraft to deliver chosen files now
    ///
    /// Looks at the log folder, delivers all that is there of those files to every sink, and exits 0 when every sink has
    /// acknowledged it; 1 when the time is over before; 3 when no updraft runs there. For a Kubernetes preStop hook:
    /// `updraft drain --all --timeout 25s`. All else goes on meanwhile.
    Drain(drain::Drain),
    /// Have a running updraft take over other components, or another config of theirs
    ///
    /// It reads the config file that it was started with again. Components, their config, limits and `on_error` may differ:
    /// the new ones are compiled, configured and tried on lines of late, and take over together, with no line lost or
    /// doubled; or, if one of them is not good or more than that differs, what runs goes on. Exits 0 when what is on disk
    /// works there now, 1 when it was not taken over, 2 when the config is bad, 3 when no updraft runs there.
    Reload(reload::Reload),
    /// Parse the config, load the components, render the templates; no network
    Validate(Validate),
    /// Say what went where, from the receipts in the data dir, and with --remote compare it with what is there
    ///
    /// Prints, for every generation of the files that are asked for: its size and hash, and for each sink which bytes
    /// went to which log stream, object or file, how many events, and what was dropped, refused or lost. Exits 0 when
    /// every sink has all of them and nothing that was compared differs, else 1.
    Prove(prove::Prove),
    /// Look at everything that deliveries need, ask AWS, put a canary; ✓ or ✗ and a remedy for each
    ///
    /// Variables, log folder, data dir, components; of each sink of AWS its credentials, each role, region, bucket or
    /// log group, and whether it may put: a small object that is deleted again, an event that says what it is. No
    /// cursor moves; a running updraft is not in the way.
    Check(Check),
    /// Write the project of a new component: source, tests, a pipeline to try it in, all that it is built with
    ///
    /// Written to ./NAME, in Rust, Python or JavaScript. Needs no network, and nothing beside this binary. The README.md in
    /// it says how to build, test and try it; so does this command.
    New(new::New),
    /// Run the tests that config files have under `tests`; no network, no log folder, no data dir
    ///
    /// A test has lines and says what each transform makes of them, and what goes where. One line is printed for each, and
    /// for one that failed the difference, in the config's own syntax. With --update what came is written into the file
    /// instead, and all else of it stays as it is. Exits 0 when all are good, 1 when one failed, 2 when a config is bad or has
    /// no tests, 3 when a component cannot be used.
    Test(test::Test),
    /// Say what becomes of lines of a real file, stage by stage, and where they would go, and why; sends nothing
    ///
    /// FILE is below the log folder of a source, and is named from here or from there. It is read from its beginning, as a
    /// run would, so that what belongs together and what time it is are exact; shown is what overlaps the lines. No
    /// cursor moves; a running updraft is not in the way.
    Explain(explain::Explain),
    /// Say what a component is: what it exports and imports, its hash and size, how long it takes to load, its limits
    ///
    /// Each import is marked: `provided`; `provided, empty` where it leads out of a sandbox elsewhere and here nothing is
    /// behind it (files, sockets, environment); `needs grant` where a stand-in answers unless the config grants the real
    /// thing; `NOT PROVIDED` where the component would be refused at start. With --config each transform is shown, with
    /// its own limits, grants, pin and `on_error`, and is given its config. Compiled code that `updraft run` has kept in the
    /// data dir (of the config, or `$UPDRAFT_DATA_DIR`) is used.
    Inspect(inspect::Inspect),
    /// Run again what a component failed on, out of the capsule that was kept of it
    ///
    /// Each distinct failure of a component is kept in the data dir's folder `capsules`: the component's hash and config,
    /// the fewest lines that it fails on, and the error. This runs them again, here or wherever the file was taken, on that
    /// component or on a new build. Exits 0 when it does not fail any more, 1 when it does.
    Replay(replay::Replay),
    /// Print what the config file may hold
    Config {
        /// As what.
        #[command(subcommand)]
        what: ConfigText,
    },
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Deliver what is there now, up to each file's end, then exit
    #[arg(long)]
    pub once: bool,
    /// How long to go on delivering after a signal; such as 25s, 2m, or seconds
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// With --once: exit 1 when nothing was delivered for so long
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    pub give_up: Duration,
    /// Serve /metrics, /healthz and /readyz there: HOST:PORT, or a port of 127.0.0.1; off by default
    #[arg(long, value_name = "ADDRESS", env = "UPDRAFT_METRICS_ADDRESS", value_parser = metrics_address)]
    pub metrics_address: Option<String>,
    /// Reload whenever the config file changes, or a .wasm file that it names (not with --once)
    #[arg(long, env = "UPDRAFT_WATCH", value_parser = FalseyValueParser::new())]
    pub watch: bool,
}

/// Options of `validate`.
#[derive(Debug, Clone, Args)]
pub struct Validate {
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Files of tries, by their ids.
#[derive(Debug, Clone, Args)]
pub struct Tries {
    /// Tries of this DAG; ids that are not given are not asked
    #[arg(long, value_name = "ID")]
    pub dag_id: Option<String>,
    /// …of this run
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// …of this task
    #[arg(long, value_name = "ID")]
    pub task_id: Option<String>,
    /// …with this index of a mapped task; -1: of tasks that are not mapped
    #[arg(long, value_name = "INDEX", allow_hyphen_values = true)]
    pub map_index: Option<i64>,
    /// …with this try number, from 1
    #[arg(long = "try", value_name = "N")]
    pub try_number: Option<u32>,
}

impl Tries {
    /// The names of the arguments.
    pub const ARGUMENTS: [&str; 5] = ["dag_id", "run_id", "task_id", "map_index", "try_number"];

    /// Some id is given.
    pub fn any(&self) -> bool {
        let Self { dag_id, run_id, task_id, map_index, try_number } = self;
        [dag_id, run_id, task_id].iter().any(|id| id.is_some()) || map_index.is_some() || try_number.is_some()
    }

    /// What is asked for.
    pub fn which(&self) -> Which {
        Which::Tries {
            dag_id: self.dag_id.clone(),
            run_id: self.run_id.clone(),
            task_id: self.task_id.clone(),
            map_index: self.map_index,
            try_number: self.try_number,
        }
    }
}

/// Options of `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// A line each, for people.
    Text,
    /// A JSON object each, one a line.
    Json,
}

/// Where the pipeline is described.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// .yaml, .yml, .toml or .json; without it the pipeline is built from the environment
    #[arg(id = "path_of_config", long = "config", short = 'c', value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// Ways to say what the config file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigText {
    /// JSON Schema, for editors
    Schema,
    /// Markdown, for people
    Reference,
}

/// An empty one is as none: so are our other variables.
fn metrics_address(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { updraft::monitor::address(text) }
}

/// `500ms`, `25s`, `2m`, `1h`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_secs = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is no unit; write ms, s, m or h")),
    };
    let seconds = number.parse::<f64>().map_err(|_| "write a time such as 25s or 2m".to_owned())? * unit_secs;
    Duration::try_from_secs_f64(seconds).map_err(|_| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_has_the_documented_defaults() {
        let Command::Run(run) = parse("updraft run").expect("run").command else { panic!("not run") };
        assert_eq!((run.once, run.config.path), (false, None));
        assert_eq!((run.drain_timeout, run.give_up), (Duration::from_secs(25), Duration::from_mins(5)));
    }

    #[test]
    fn options_can_stand_where_people_put_them() {
        let cli =
            parse("updraft run --config p.yaml --once --drain-timeout 2m --log-format json").expect("run");
        assert_eq!(cli.logging.log_format, LogFormat::Json);
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(
            (run.once, run.config.path, run.drain_timeout.as_secs()),
            (true, Some("p.yaml".into()), 120)
        );
        assert!(matches!(
            parse("updraft config schema").expect("schema").command,
            Command::Config { what: ConfigText::Schema }
        ));
    }

    #[test]
    fn metrics_are_off_unless_an_address_is_given_and_a_port_is_this_machine_s() {
        let address = |line: &str| match parse(line).expect(line).command {
            Command::Run(run) => run.metrics_address,
            _ => panic!("not run"),
        };
        assert_eq!(address("updraft run --metrics-address 9090").as_deref(), Some("127.0.0.1:9090"));
        assert_eq!(address("updraft run --metrics-address=").as_deref(), Some(""));
        assert!(parse("updraft run --metrics-address nowhere").is_err());
    }

    #[test]
    fn what_is_not_there_is_an_error_with_exit_code_2() {
        for line in ["updraft", "updraft fly", "updraft run --onec", "updraft run --give-up soon"] {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn help_names_the_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("Exit codes:") && help.contains("updraft run --once"), "{help}");
    }

    #[test]
    fn times_have_units() {
        let times =
            ["500ms", "25s", "25", "2m", "1h", "1.5s"].map(|text| duration(text).expect(text).as_millis());
        assert_eq!(times, [500, 25_000, 25_000, 120_000, 3_600_000, 1_500]);
        for bad in ["", "s", "-1s", "1d", "1 s", "1e9", "999999999999999999999h", "1.2.3"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
