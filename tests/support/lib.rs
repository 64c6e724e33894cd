//! What the tests and the demo lean on, so that each of them reads as its promise and nothing else.
//!
//! [`Moto`] is AWS: set it up, have it enforce IAM, make calls fail or wait, look at what landed.
//! [`Updraft`] is the real binary in an environment that holds nothing but what the test says.
//! [`LogFolder`] is a base log folder, empty or with files that real Airflow wrote.

mod astro;
mod binary;
mod both;
mod disk;
mod guest;
mod http;
mod log_folder;
mod manual;
mod mirror;
mod moto;
mod moto_iam;
mod moto_options;
mod moto_refusals;
mod moto_tls;
mod moto_views;
mod pages;
mod proxy;
mod scrape;
mod two_sinks;

use std::time::{Duration, Instant};

pub use astro::{BUCKET, GROUP, STREAM, s3_page};
pub use binary::{Finished, Running, Updraft};
pub use both::allow_both;
pub use disk::Disk;
pub use guest::{example, guest, javascript_guest, javascript_router, offline, python_guest, python_router};
pub use http::request as http_request;
pub use log_folder::{LogFolder, TRY, files_in, fixture_sets, line};
pub use manual::Manual;
pub use mirror::{COPIED, MIB, NORMALIZED, text};
pub use moto::{ACCOUNT, FIXTURES_NOW, Failure, Moto, REGION};
pub use moto_iam::{Keys, allow, trust, trust_web_identity};
pub use moto_options::{GroupKind, ObjectKind};
pub use moto_views::{Event, Object, Request};
pub use pages::{CLOUDWATCH_ROLE, DEPLOYMENT_ROLE, PROVIDER, S3_ROLE, cloudwatch_page, without};
pub use proxy::{Proxied, RecordingProxy};
pub use scrape::{Series, series};
pub use two_sinks::TwoSinks;

/// How long anything may take before a test gives up on it; far beyond what a slow machine needs.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Asks again and again until there is an answer; panics with `what` once [`PATIENCE`] is over.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/writer";

    #[test]
    fn a_server_takes_set_up_until_it_enforces_iam_and_again_when_it_stops() {
        let moto = Moto::start();
        moto.create_bucket("here", REGION);
        moto.create_bucket("there", "eu-central-1");
        moto.create_role(ROLE, &trust(ACCOUNT), &allow(&["s3:PutObject"], &["*"]));
        let keys = moto.create_user("writer", &allow(&["sts:AssumeRole"], &[ROLE]));
        assert!(keys.id.starts_with("AKIA") && keys.secret.len() == 40);

        moto.enforce_iam();
        let refused = std::panic::catch_unwind(|| moto.create_bucket("nowhere", REGION));
        assert!(refused.is_err());
        moto.stop_enforcing_iam();
        moto.create_bucket("elsewhere", REGION);
        assert!(moto.objects("elsewhere").is_empty());
        assert!(moto.requests().is_empty(), "set-up is no part of the journal");
    }

    #[test]
    fn a_fixture_set_is_copied_with_its_paths_and_without_the_schedulers_files() {
        for set in fixture_sets() {
            let folder = LogFolder::of(&set);
            assert!(folder.task_files().keys().all(|path| !path.starts_with("dag_processor")), "{set}");
        }
        let folder = LogFolder::of("airflow2/default_utc");
        assert!(folder.task_files().keys().any(|path| path.starts_with("dag_id=daily_report/run_id=")));
    }

    #[test]
    fn a_binary_sees_only_the_variables_it_is_given() {
        let done = Updraft::at("/usr/bin/env").env("AIRFLOW_HOME", "/opt/airflow").run();
        let mut names: Vec<&str> =
            done.exits(0).stdout.lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["AIRFLOW_HOME", "AWS_EC2_METADATA_DISABLED", "HOME", "PATH", "RUST_BACKTRACE"]);
    }
}
