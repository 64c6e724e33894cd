//! The pipeline that the platform's variables describe, for those who have no config file.
//!
//! Names and meanings are those of the two pages "Export logs to AWS Cloudwatch" and "Export logs to a Secondary S3
//! Bucket": whoever did what they say needs nothing else.

use std::fmt;
use std::time::Duration;

use crate::event::Deployment;
use crate::route::template::Template;

use super::error::{Error, Report, nearest};
use super::parse::Lines;
use super::values::{as_typed, bucket, region, role_arn};
use super::{
    Auth, Aws, Branch, CLOUDWATCH_MAX_BATCH_BYTES, CLOUDWATCH_MAX_BATCH_EVENTS, CloudWatch, Codec, Component,
    Config, Env, Layout, Mirror, NewGroups, Objects, ReadFrom, S3, Sink, SinkKind, Source, Transform,
    defaults, raw,
};

const CLOUDWATCH_ENABLED: &str = "ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED";
const CLOUDWATCH_ROLE: &str = "ASTRO_CLOUDWATCH_ROLE_ARN";
const CLOUDWATCH_REGION: &str = "ASTRO_CLOUDWATCH_AWS_REGION";
const CLOUDWATCH_GROUP: &str = "ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP";
const CLOUDWATCH_STREAM: &str = "ASTRO_CLOUDWATCH_TASK_LOGS_GROUP_STREAM";
/// The same in older pages.
const CLOUDWATCH_STREAM_OLD: &str = "ASTRO_CLOUDWATCH_TASK_LOGS_LOG_STREAM";
static CLOUDWATCH: [&str; 6] = [
    CLOUDWATCH_ENABLED,
    CLOUDWATCH_ROLE,
    CLOUDWATCH_REGION,
    CLOUDWATCH_GROUP,
    CLOUDWATCH_STREAM,
    CLOUDWATCH_STREAM_OLD,
];

const S3_ENABLED: &str = "AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED";
const S3_FOLDER: &str = "AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER";
const S3_REGION: &str = "AIRFLOW__ASTRO_SECONDARY_LOGS__REGION";
const S3_ROLE: &str = "AIRFLOW__ASTRO_SECONDARY_LOGS__ROLE_ARN";
static S3_ALL: [&str; 4] = [S3_ENABLED, S3_FOLDER, S3_REGION, S3_ROLE];

/// Whatever else begins so is meant for us and misspelt.
const OUR_PREFIXES: [&str; 2] = ["ASTRO_CLOUDWATCH_", "AIRFLOW__ASTRO_SECONDARY_LOGS__"];

const DEFAULT_GROUP: &str = "/astro/{{ cluster_id }}/{{ workspace_id }}";
const DEFAULT_STREAM: &str = "{{ deployment_id }}";

/// Builds the pipeline from the environment alone.
pub fn from_environment(env: &Env) -> Result<Config, Error> {
    let env = &unquoted(env);
    let mut variables = Variables {
        env,
        deployment: defaults::deployment(env),
        report: Report::new("environment", Lines::default()),
    };
    let config = variables.pipeline();
    let (mut config, warnings) = variables.report.finish(config)?;
    config.warnings = warnings;
    defaults::settle_templates(&mut config, env);
    Ok(config)
}

/// A variable that looks like one of the pages' and is none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misspelt {
    /// As it is set.
    pub name: String,
    /// What was meant, perhaps.
    pub meant: Option<&'static str>,
}

impl fmt::Display for Misspelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such variable")?;
        self.meant.map_or(Ok(()), |meant| write!(f, "; did you mean {meant}?"))
    }
}

/// Variables that look like those of the pages and are none of them.
pub fn misspelt(env: &Env) -> Vec<Misspelt> {
    let known: Vec<_> = CLOUDWATCH.into_iter().chain(S3_ALL).collect();
    let unknown = env.keys().filter(|name| !known.contains(&name.as_str()));
    let look = |name: &String| {
        let meant = nearest(name, known.iter().copied());
        let ours = OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        (meant.is_some() || ours).then(|| Misspelt { name: name.clone(), meant })
    };
    unknown.filter_map(look).collect()
}

/// A variable that is set, and the one that would have to be true for it to have an effect; of each sink that is off the
/// first.
pub fn idle(env: &Env) -> Vec<(&'static str, &'static str)> {
    let groups = [(CLOUDWATCH_ENABLED, CLOUDWATCH.as_slice()), (S3_ENABLED, S3_ALL.as_slice())];
    let of_group = |(switch, group): (&'static str, &'static [&'static str])| {
        let on = matches!(
            defaults::variable(env, switch).map(str::to_ascii_lowercase).as_deref(),
            Some("true" | "1")
        );
        let set = |name: &&&'static str| **name != switch && defaults::variable(env, name).is_some();
        group.iter().find(set).filter(|_| !on).map(|name| (*name, switch))
    };
    groups.into_iter().filter_map(of_group).collect()
}

/// The same variables without the quotes that `docker --env-file` leaves on.
fn unquoted(env: &Env) -> Env {
    let bare = |value: &str| {
        let value = value.trim();
        let bare = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        bare.unwrap_or(value).to_owned()
    };
    env.iter().map(|(name, value)| (name.clone(), bare(value))).collect()
}

struct Variables<'e> {
    env: &'e Env,
    deployment: Deployment,
    report: Report,
}

impl<'e> Variables<'e> {
    fn get(&self, name: &str) -> Option<&'e str> {
        defaults::variable(self.env, name)
    }

    fn truth(&mut self, name: &str) -> bool {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "1") => true,
            None | Some("false" | "0" | "no" | "off") => false,
            Some(other) => {
                self.report.add_with_help(
                    name,
                    format!("`{other}` is neither true nor false"),
                    "write true or false",
                );
                false
            }
        }
    }

    fn pipeline(&mut self) -> Option<Config> {
        let cloudwatch_on = self.truth(CLOUDWATCH_ENABLED);
        let s3_on = self.truth(S3_ENABLED);
        let misspelt = misspelt(self.env);
        if !cloudwatch_on && !s3_on {
            for variable in misspelt {
                self.report.add(&variable.name, variable.to_string());
            }
            let help =
                format!("set {CLOUDWATCH_ENABLED}=true or {S3_ENABLED}=true, or give a config with --config");
            self.report.add_with_help("", "no sink is turned on", help);
            return None;
        }
        self.report.warnings.extend(misspelt.into_iter().map(|it| format!("{}: {it}", it.name)));
        let idle = idle(self.env).into_iter();
        self.report
            .warnings
            .extend(idle.map(|(name, switch)| format!("{name} has no effect: {switch} is not true")));

        let source = self.source();
        let cloudwatch = if cloudwatch_on { self.cloudwatch() } else { None };
        let s3 = if s3_on { self.s3() } else { None };
        let mut source = source?;
        let data_dir = defaults::data_dir(&source.base_log_folder, self.env);
        if !defaults::exclude_data_dir(&mut source, &data_dir) {
            self.report.add(defaults::DATA_DIR, "is Airflow's log folder itself");
        }
        let normalized = cloudwatch.map(|kind| Sink {
            id: "cloudwatch".to_owned(),
            branches: vec![Branch { source: 0, transforms: vec![0] }],
            route: None,
            kind,
        });
        let copied = s3.map(|kind| Sink {
            id: "s3".to_owned(),
            branches: vec![Branch { source: 0, transforms: vec![] }],
            route: None,
            kind,
        });
        Some(Config {
            data_dir,
            host: defaults::host(),
            deployment: self.deployment.clone(),
            receipts: defaults::receipts(&raw::Receipts::default()),
            sources: vec![source],
            transforms: normalized.iter().map(|_| normalizer()).collect(),
            routes: Vec::new(),
            sinks: normalized.into_iter().chain(copied).collect(),
            env: Env::new(),
            tests: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn source(&mut self) -> Option<Source> {
        let Some(base_log_folder) = defaults::base_log_folder(self.env) else {
            let help = format!("set it, or {}", defaults::AIRFLOW_HOME);
            self.report.add_with_help(
                defaults::BASE_LOG_FOLDER,
                format!("{}: not set", defaults::NO_LOG_FOLDER),
                help,
            );
            return None;
        };
        Some(Source {
            id: "airflow".to_owned(),
            base_log_folder,
            include: raw::include(),
            exclude: raw::exclude(),
            path_patterns: Vec::new(),
            read_from: ReadFrom::Beginning,
            join: Duration::from_millis(raw::join_ms()),
            partial_line: Duration::from_secs_f64(raw::partial_line_secs()),
            rescan: Duration::from_secs_f64(raw::rescan_secs()),
            watch: true,
            dead_letters: false,
        })
    }

    fn cloudwatch(&mut self) -> Option<SinkKind> {
        let aws = self.aws(CLOUDWATCH_REGION, CLOUDWATCH_ROLE, Aws::CLOUDWATCH_CONCURRENCY);
        let group_name = self.template(CLOUDWATCH_GROUP, self.get(CLOUDWATCH_GROUP), DEFAULT_GROUP);
        let (new, old) = (self.get(CLOUDWATCH_STREAM), self.get(CLOUDWATCH_STREAM_OLD));
        if new.is_some() && old.is_some() && new != old {
            self.report
                .warnings
                .push(format!("{CLOUDWATCH_STREAM_OLD} has no effect beside {CLOUDWATCH_STREAM}"));
        }
        let stream_name = self.template(CLOUDWATCH_STREAM, new.or(old), DEFAULT_STREAM);
        Some(SinkKind::CloudWatch(Box::new(CloudWatch {
            aws,
            group_name: group_name?,
            stream_name: stream_name?,
            create_missing_group: true,
            create_missing_stream: true,
            create_stream_rate: raw::create_stream_rate(),
            new_groups: NewGroups::default(),
            codec: Codec::Json,
            gzip: false,
            max_events: CLOUDWATCH_MAX_BATCH_EVENTS,
            max_bytes: CLOUDWATCH_MAX_BATCH_BYTES,
            timeout: Duration::from_secs_f64(raw::timeout_secs()),
            dead_letter: None,
        })))
    }

    fn s3(&mut self) -> Option<SinkKind> {
        let aws = self.aws(S3_REGION, S3_ROLE, Aws::S3_CONCURRENCY);
        let example = "write it as in s3://my-bucket/logs";
        let Some(folder) = self.get(S3_FOLDER) else {
            self.report.add_with_help(S3_FOLDER, "not set: where the copies go is not known", example);
            return None;
        };
        if !as_typed(folder, S3_FOLDER, &mut self.report) {
            return None;
        }
        let Some(place) = folder.strip_prefix("s3://") else {
            self.report.add_with_help(S3_FOLDER, format!("`{folder}` is no S3 folder"), example);
            return None;
        };
        let (bucket_name, prefix) = place.split_once('/').unwrap_or((place, ""));
        bucket(bucket_name, S3_FOLDER, &mut self.report);
        let prefix = prefix.trim_end_matches('/');
        Some(SinkKind::S3(Box::new(S3 {
            aws,
            bucket: bucket_name.to_owned(),
            force_path_style: defaults::force_path_style(None, self.env),
            key_prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            layout: Layout::Mirror(Mirror {
                legible: false,
                key: self.template(S3_FOLDER, None, &raw::path_template())?,
                refresh: Duration::from_secs_f64(raw::refresh_secs()),
                write_once: None,
                codec: Codec::Raw,
            }),
            objects: Objects::default(),
        })))
    }

    fn aws(&mut self, region_variable: &str, role_variable: &str, concurrency: usize) -> Aws {
        let (named, role) = (self.get(region_variable), self.get(role_variable));
        if let Some(named) = named {
            region(named, region_variable, &mut self.report);
        }
        if let Some(role) = role {
            role_arn(role, role_variable, &mut self.report);
        }
        let ambient = Aws::ambient(concurrency);
        let auth = Auth { roles: role.map(str::to_owned).into_iter().collect(), ..ambient.auth.clone() };
        Aws { region: named.map(str::to_owned), auth, ..ambient }
    }

    /// The template that a variable is set to, or the default, which needs to know who we are.
    fn template(&mut self, variable: &str, given: Option<&str>, default: &str) -> Option<Template> {
        if let Some(given) = given {
            as_typed(given, variable, &mut self.report);
            return self.report.take(variable, Template::parse(given));
        }
        let template = self.report.take(variable, Template::parse(default))?;
        let ids = [
            ("cluster_id", "ASTRO_CLUSTER_ID", &self.deployment.cluster_id),
            ("workspace_id", "ASTRO_WORKSPACE_ID", &self.deployment.workspace_id),
            ("deployment_id", "ASTRO_DEPLOYMENT_ID", &self.deployment.deployment_id),
        ];
        for (name, needed, id) in ids {
            if id.is_none() && template.uses(name) {
                let what = format!("not set, and the default `{default}` needs it");
                self.report.add_with_help(needed, what, format!("set it, or name your own in {variable}"));
            }
        }
        Some(template)
    }
}

fn normalizer() -> Transform {
    Transform::bare("normalize", Component::Builtin("airflow".to_owned()))
}

#[cfg(test)]
mod tests;
