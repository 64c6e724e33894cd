//! Whether a service would have us: asked at start, so that what is wrong is said before a line has to wait for it.

use super::cloudwatch::client::Client as CloudWatchClient;
use super::retry::{Backoff, Missing, Verdict};
use super::s3::client::Client as S3Client;
use super::service_error::ServiceError;
use crate::aws::Access;
use crate::config::{self, Config};
use crate::event::{DEFAULT_LABEL, Origin, StreamKind};
use crate::route;
use crate::route::template::{NAMES, Names, Template};

/// An answer that decides whether we start is asked for so often while the service is only busy or out of reach: some
/// three seconds of waiting at most, besides the requests.
const TRIES: u32 = 5;
/// Those of [`NAMES`] that are the same for all streams of this host.
const SAME_FOR_ALL: [&str; 4] = ["host", "cluster_id", "workspace_id", "deployment_id"];

/// What a sink's service is asked.
pub enum Question {
    /// `HeadBucket`
    Bucket(S3Client),
    /// `DescribeLogStreams`
    LogGroup {
        /// Of the sink.
        client: CloudWatchClient,
        /// Its name.
        group: String,
        /// It will be made.
        may_be_missing: bool,
    },
    /// Nothing: which log groups there will be is known when there are streams. There must be credentials, though.
    LogGroups {
        /// Of the sink.
        client: CloudWatchClient,
        /// Of the sink.
        access: Box<Access>,
        /// The template of their names.
        groups: String,
    },
}

impl Question {
    /// The one for a sink of type `aws_cloudwatch_logs`.
    pub fn of_log_groups(
        config: &Config,
        sink: &config::CloudWatch,
        client: &CloudWatchClient,
        access: &Access,
    ) -> Self {
        let client = client.clone();
        match name_for_all(&sink.group_name, config) {
            Some(group) => Self::LogGroup { client, group, may_be_missing: sink.create_missing_group },
            None => Self::LogGroups {
                client,
                access: Box::new(access.clone()),
                groups: sink.group_name.source().to_owned(),
            },
        }
    }

    /// What is well.
    async fn ask(&self) -> Result<String, Box<ServiceError>> {
        match self {
            Self::Bucket(client) => {
                client.head_bucket().await?;
                Ok(format!("bucket {} is there and lets us in", client.bucket()))
            }
            Self::LogGroup { client, group, may_be_missing } => {
                match client.describe_log_streams(group).await {
                    Ok(()) => Ok(format!("log group {group} is there and lets us in")),
                    Err(failure)
                        if *may_be_missing && failure.verdict == Verdict::Create(Missing::LogGroup) =>
                    {
                        Ok(format!("CloudWatch lets us in; log group {group} is made when it is needed"))
                    }
                    Err(failure) => Err(failure),
                }
            }
            Self::LogGroups { client, access, groups } => {
                access.identify(&client.call_for_groups(groups)).await?;
                Ok("there are credentials; which log groups there will be is not known yet".to_owned())
            }
        }
    }

    /// Asks once, and says what came of it.
    pub async fn say(self, sink: String) {
        match self.ask().await {
            Ok(well) => tracing::info!("sink {sink}: healthcheck: {well}"),
            Err(failure) => {
                tracing::warn!("healthcheck: {}", failure.and_then("delivery is tried all the same"));
            }
        }
    }

    /// Asks until there is an answer, within bounds; the failure keeps the pipeline from starting.
    pub async fn demand(self, sink: &str) -> Result<(), Box<ServiceError>> {
        let mut backoff = Backoff::default();
        let mut tries = 1;
        loop {
            match self.ask().await {
                Ok(well) => {
                    tracing::info!("sink {sink}: healthcheck: {well}");
                    return Ok(());
                }
                Err(failure)
                    if matches!(failure.verdict, Verdict::Retry | Verdict::Renewed) && tries < TRIES =>
                {
                    if tries == 1 {
                        let next =
                            format!("it is asked again, up to {TRIES} times, before anything is started");
                        tracing::warn!("healthcheck: {}", failure.and_then(next));
                    }
                    tries += 1;
                    let wait = backoff.after(Verdict::Retry, fastrand::f64());
                    tokio::time::sleep(wait.unwrap_or_default()).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

/// The name that a template gives to the log group of every stream; none if that depends on the stream.
pub fn name_for_all(template: &Template, config: &Config) -> Option<String> {
    if NAMES.iter().any(|name| !SAME_FOR_ALL.contains(name) && template.uses(name)) {
        return None;
    }
    let origin = Origin {
        source: String::new(),
        path: String::new(),
        host: config.host.clone(),
        kind: StreamKind::Other,
        task: None,
        deployment: config.deployment.clone(),
    };
    let names = Names { origin: &origin, label: DEFAULT_LABEL, env: &config.env };
    let rendered = template.render(&names).ok()?;
    (!rendered.fell_back).then(|| route::log_group_name(&rendered.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Format, SinkKind, from_str};

    /// The one log group of a sink whose `group_name` is this.
    fn group(template: &str) -> Option<String> {
        let text = format!(
            "sources: {{a: {{type: airflow, base_log_folder: /logs}}}}\n\
             sinks: {{s: {{type: aws_cloudwatch_logs, inputs: [a], group_name: \"{template}\"}}}}"
        );
        let env = [("ASTRO_CLUSTER_ID", "c1"), ("HOME", "/home/x"), ("TEAM", "data")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = from_str(&text, Format::Yaml, "p.yaml", &env).expect("good");
        let SinkKind::CloudWatch(sink) = &config.sinks[0].kind else { panic!("CloudWatch") };
        name_for_all(&sink.group_name, &config)
    }

    #[test]
    fn a_log_group_is_asked_for_where_all_streams_have_the_same() {
        assert_eq!(group("/airflow logs").as_deref(), Some("/airflow_logs"));
        assert_eq!(group("/a/{{ cluster_id }}/{{ env.TEAM }}").as_deref(), Some("/a/c1/data"));
        assert!(group("{{ host }}").is_some());
    }

    #[test]
    fn a_log_group_that_depends_on_the_stream_is_not_asked_for() {
        for name in NAMES.into_iter().filter(|name| !SAME_FOR_ALL.contains(name)) {
            assert_eq!(group(&format!("/a/{{{{ {name} }}}}")), None, "{name}");
        }
        assert_eq!(group("{{ workspace_id }}"), None, "not set: each stream's own path");
    }
}
