//! The `updraft` binary: parse, run the command, exit with what it came to. Errors are printed here, once.

mod allocator;
mod cli;

use clap::Parser;
use cli::{Cli, Command, ConfigText};
use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::spare();
    let cli = Cli::parse();
    if let Err(error) = cli::logging::start(&cli.logging) {
        return fail(2, &error);
    }
    let env = updraft::config::process_env();
    let outcome = match &cli.command {
        Command::Run(options) => cli::run::run(options, cli.logging.log_format, &env),
        Command::Drain(options) => cli::drain::drain(options, &env),
        Command::Reload(options) => cli::reload::reload(options, &env),
        Command::Validate(options) => cli::run::validate(&options.config, &env),
        Command::Prove(options) => cli::prove::prove(options, &env),
        Command::Check(options) => cli::check::check(options, &env),
        Command::Test(options) => cli::test::test(options, &env),
        Command::Explain(options) => cli::explain::explain(options, &env),
        Command::Inspect(options) => cli::inspect::inspect(options, &env),
        Command::New(options) => Ok(cli::new::new(options)),
        Command::Replay(options) => Ok(cli::replay::replay(options, &env)),
        Command::Config { what } => {
            let text = match what {
                ConfigText::Schema => format!("{:#}\n", updraft::config::schema()),
                ConfigText::Reference => updraft::config::reference(),
            };
            anstream::print!("{text}");
            return ExitCode::SUCCESS;
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(error.exit_code(), &error.to_string()),
    }
}

fn fail(code: u8, error: &str) -> ExitCode {
    anstream::eprintln!("updraft: {error}");
    ExitCode::from(code)
}
