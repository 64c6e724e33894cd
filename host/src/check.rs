//! `updraft check`: goes through the troubleshooting lists of the two pages, from the variables to a canary that is put,
//! and says of each thing whether it is well, or what to do about it.
//!
//! `local` looks at this machine; `aws` asks who a sink is; `cloudwatch` and `s3` ask whether it may do what it is for.
//! Nothing is changed but what the canaries leave behind; no cursor moves.

mod aws;
mod cloudwatch;
mod local;
mod s3;

use crate::config::{Config, Env, SinkKind};
use crate::event::{Origin, StreamKind, TaskTry};
use crate::sink::retry::{Backoff, Verdict};
use crate::sink::service_error::{Fault, ServiceError};

/// What stands for the names of a stream that there is not: the IDs of a task, the name of an object.
const CANARY: &str = "updraft-check";
/// A service that is only busy or out of reach is asked so often: some three seconds of waiting at most.
const TRIES: u32 = 5;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which: `log folder`, `sink s3: bucket`.
    pub what: String,
    /// How it is.
    pub mark: Mark,
    /// What was found, in a line, without secrets.
    pub text: String,
    /// What to do about it, where something is wrong.
    pub remedy: Option<String>,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Well,
    /// Not so; it needs somebody.
    Wrong,
    /// There is nothing to look at, or something else has to be mended before.
    NotApplicable,
}

impl Finding {
    fn well(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), mark: Mark::Well, text: text.into(), remedy: None }
    }

    /// Something is wrong, and this is what to do about it.
    pub fn wrong(what: impl Into<String>, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), mark: Mark::Wrong, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn not_applicable(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), mark: Mark::NotApplicable, text: text.into(), remedy: None }
    }

    /// A request that failed.
    fn failed(what: impl Into<String>, failure: &ServiceError) -> Self {
        let ServiceError { action, target, caller, code, message, .. } = failure;
        let code = code.as_ref().map_or(String::new(), |code| format!("{code}: "));
        let text = format!("{action} on {target} with {caller} failed: {code}{message}");
        let remedy = failure.remedy.clone().unwrap_or_else(|| {
            let remedy = match failure.fault() {
                Fault::Timeout | Fault::Connection => {
                    "see that this machine reaches the service (its endpoint, a proxy, DNS, a firewall)"
                }
                Fault::Throttled | Fault::ServerError => "check again later; deliveries are retried",
                _ => "do what the service says",
            };
            remedy.to_owned()
        });
        Self::wrong(what, text, remedy)
    }
}

/// Where the pipeline is described; remedies name the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Described {
    /// In a file.
    ByFile,
    /// In the environment, by the variables of the two pages.
    ByEnvironment,
}

/// What is looked at.
struct Subject<'a> {
    config: &'a Config,
    described: Described,
}

/// The variables alone: good to say where they make no pipeline.
pub fn variables(env: &Env) -> Vec<Finding> {
    local::variables(env, &[])
}

/// Looks at everything, one after the other, and says each thing as soon as it is known. Talks to AWS as the sinks
/// would.
pub async fn check(config: &Config, described: Described, env: &Env, mut say: impl FnMut(Finding)) {
    let subject = Subject { config, described };
    match described {
        Described::ByEnvironment => local::variables(env, &config.warnings).into_iter().for_each(&mut say),
        Described::ByFile => {
            say(Finding::well("config", local::remarked("it is a pipeline", &config.warnings)));
            say(Finding::not_applicable("variables", "a config file describes the pipeline"));
        }
    }
    for source in config.sources.iter().filter(|source| !source.dead_letters) {
        say(local::log_folder(source, &subject).await);
    }
    say(local::data_dir(&config.data_dir));
    say(local::components(config));
    for sink in &config.sinks {
        if let Some(route) = sink.route.and_then(|at| config.routes.get(at)) {
            let text = format!(
                "what `{}` names depends on the logs (ask `updraft explain FILE`); here the sink's own names are tried",
                route.id
            );
            say(Finding::not_applicable(format!("sink {}: route", sink.id), text));
        }
        match &sink.kind {
            SinkKind::CloudWatch(options) => cloudwatch::check(&sink.id, options, &subject, &mut say).await,
            SinkKind::S3(options) => s3::check(&sink.id, options, &subject, &mut say).await,
            SinkKind::File(_) | SinkKind::Console(_) | SinkKind::Blackhole(_) => {
                let text = format!("{} asks no service", sink.kind.as_str());
                say(Finding::not_applicable(format!("sink {}", sink.id), text));
            }
        }
    }
}

/// Asks again while the service is only busy or out of reach.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Box<ServiceError>>) -> Result<T, Box<ServiceError>> {
    let mut backoff = Backoff::default();
    for _ in 1..TRIES {
        match ask().await {
            Err(failure) if failure.verdict == Verdict::Retry => {
                let wait = backoff.after(Verdict::Retry, fastrand::f64());
                tokio::time::sleep(wait.unwrap_or_default()).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

/// A task that there is not, for templates.
fn canary(config: &Config) -> Origin {
    Origin {
        source: String::new(),
        path: format!("{CANARY}.log"),
        host: config.host.clone(),
        kind: StreamKind::Task,
        task: Some(TaskTry {
            dag_id: CANARY.to_owned(),
            run_id: CANARY.to_owned(),
            task_id: CANARY.to_owned(),
            map_index: None,
            try_number: 1,
        }),
        deployment: config.deployment.clone(),
    }
}
