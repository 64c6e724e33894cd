//! Everything a newcomer types: `cargo xtask demo`, `cargo xtask test`, and the set-up that both do by themselves.

mod airflow;
mod bench;
mod binary;
mod demo;
mod fuzz;
mod guests;
mod native;
mod run;
mod setup;
mod soak;
mod test;
mod tidy;
mod torture;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask demo    lift real Airflow logs: first to local files and the console, then to a moto server (CloudWatch, S3)
cargo xtask test    everything that must hold: format, lints, licences, tests; sets up what is missing
cargo xtask test --airflow
                    only the tests that have Airflow read back what Updraft wrote: Airflow 2 and 3 from PyPI, one of them running
cargo xtask torture --minutes N --seed S
                    write, rotate, kill and fail for so long, then compare what was written with what arrived;
                    --scenario s3-down or cloudwatch-down: how fast one service is served while the other is away
cargo xtask soak    how much a component in trouble takes from the pipeline beside it (release build; --binary PATH, --lines N)
cargo xtask guests  what components cost in Rust, Python and JavaScript, and a router in Python (release build; --binary PATH,
                    --megabytes N, --only normalizers or names)
cargo xtask bench   what Updraft costs and how fast it is, beside its goals; writes docs/performance.md (release build;
                    --megabytes N of log, --repeats N, --only ROW,…, --binary PATH); --guard: only whether it takes more
                    instructions than are written down in tests/bench/instructions.json, which --rewrite writes anew
cargo xtask fuzz    throw any columns and any bytes at what checks components and loads them (--minutes N)
cargo xtask setup   only the set-up: wasm target, Python environment with moto, what makes components of Python and
                    JavaScript, cargo-deny
cargo xtask native  only the native tests of the helpers, templates and examples in Python and JavaScript
cargo xtask tidy    only the check that each Rust file's first line says why it exists";

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let outcome = match task.as_deref() {
        Some("bench") => bench::bench(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("demo") => demo::demo(),
        Some("test") if std::env::args().any(|argument| argument == "--airflow") => airflow::test(),
        Some("test") => test::test(),
        Some("setup") => setup::setup(),
        Some("native") => native::native(),
        Some("tidy") => tidy::tidy(),
        Some("guests") => guests::guests(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("fuzz") => fuzz::fuzz(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("soak") => soak::soak(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("torture") => torture::torture(&std::env::args().skip(2).collect::<Vec<_>>()),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(unknown) => Err(format!("there is no task `{unknown}`; there are:\n{HELP}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("xtask: {trouble}");
            ExitCode::FAILURE
        }
    }
}
