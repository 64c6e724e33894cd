//! Promises of the pipeline that comes from the environment: the platform's two pages.

use super::super::tests::{PLATFORM, cloudwatch, env, problem, problems, s3};
use super::*;

const CLOUDWATCH_PAGE: [(&str, &str); 2] = [
    ("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", "True"),
    ("ASTRO_CLOUDWATCH_ROLE_ARN", "arn:aws:iam::123456789012:role/rolename"),
];
const S3_PAGE: [(&str, &str); 4] = [
    ("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED", "true"),
    ("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER", "s3://my-bucket/logs"),
    ("AIRFLOW__ASTRO_SECONDARY_LOGS__ROLE_ARN", "arn:aws:iam::123456789012:role/SecondaryS3LoggerRole"),
    ("AIRFLOW__ASTRO_SECONDARY_LOGS__REGION", "us-east-1"),
];

fn from(pairs: &[&[(&str, &str)]]) -> Result<Config, Error> {
    from_environment(&env(pairs))
}

#[test]
fn the_cloudwatch_page_is_enough() {
    let config = from(&[&PLATFORM, &CLOUDWATCH_PAGE]).expect("the page's set-up");
    let cw = cloudwatch(&config);
    assert_eq!(cw.group_name.source(), "/astro/{{ cluster_id }}/{{ workspace_id }}");
    assert_eq!((cw.stream_name.source(), cw.codec), ("{{ deployment_id }}", Codec::Json));
    assert_eq!(cw.aws.region, None, "the ambient one");
    assert_eq!(cw.aws.auth.roles, ["arn:aws:iam::123456789012:role/rolename"]);
    assert!(cw.create_missing_group && cw.create_missing_stream);
    assert_eq!(config.sinks[0].id, "cloudwatch");
    assert_eq!(config.sinks[0].branches, [Branch { source: 0, transforms: vec![0] }]);
    assert_eq!(config.transforms[0].component, Component::Builtin("airflow".into()));
    assert_eq!((config.sources[0].id.as_str(), config.transforms[0].id.as_str()), ("airflow", "normalize"));
    assert_eq!((config.sinks.len(), config.warnings.len()), (1, 0));
}

#[test]
fn the_s3_page_is_enough_with_and_without_a_role() {
    for (page, role) in [(&S3_PAGE[..], true), (&S3_PAGE[..2], false)] {
        let config = from(&[&PLATFORM, page]).expect("the page's set-up");
        let s3 = s3(&config);
        assert_eq!((&*s3.bucket, &*s3.key_prefix), ("my-bucket", "logs/"));
        assert!(matches!(&s3.layout, Layout::Mirror(mirror) if mirror.key.source() == "{{ path }}"));
        assert_eq!((!s3.aws.auth.roles.is_empty(), s3.aws.region.is_some()), (role, role));
        assert_eq!(config.sinks[0].id, "s3");
        assert_eq!(
            config.sinks[0].branches,
            [Branch { source: 0, transforms: vec![] }],
            "a redundant copy is a copy"
        );
        assert!(config.transforms.is_empty() && config.warnings.is_empty());
    }
}

#[test]
fn both_pages_together_are_two_sinks() {
    let config = from(&[&PLATFORM, &CLOUDWATCH_PAGE, &S3_PAGE]).expect("both");
    assert_eq!(config.sinks.iter().map(|sink| &*sink.id).collect::<Vec<_>>(), ["cloudwatch", "s3"]);
}

#[test]
fn names_of_ones_own_are_templates() {
    let own = [
        ("ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP", "/mine/{{ dag_id }}"),
        ("ASTRO_CLOUDWATCH_TASK_LOGS_LOG_STREAM", "old"),
        ("ASTRO_CLOUDWATCH_AWS_REGION", "eu-central-1"),
    ];
    let config = from(&[&PLATFORM[3..], &CLOUDWATCH_PAGE, &own]).expect("the ids are not needed");
    let cw = cloudwatch(&config);
    assert_eq!((cw.group_name.source(), cw.stream_name.source()), ("/mine/{{ dag_id }}", "old"));
    assert_eq!(cw.aws.region.as_deref(), Some("eu-central-1"));
    let newer = [("ASTRO_CLOUDWATCH_TASK_LOGS_GROUP_STREAM", "new")];
    let config = from(&[&PLATFORM[3..], &CLOUDWATCH_PAGE, &own, &newer]).expect("both names");
    assert_eq!(cloudwatch(&config).stream_name.source(), "new");
    assert_eq!(config.warnings.len(), 1);
    let broken = [("ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP", "{{ dag }}")];
    let error = problem(from(&[&PLATFORM, &CLOUDWATCH_PAGE, &broken]));
    assert!(
        error.starts_with("environment: ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP: unknown name `dag`"),
        "{error}"
    );
}

#[test]
fn a_default_that_needs_an_id_names_its_variable() {
    let errors = problems(from(&[&PLATFORM[3..], &CLOUDWATCH_PAGE]));
    assert_eq!(errors.len(), 3);
    assert_eq!(
        errors[0],
        "environment: ASTRO_CLUSTER_ID: not set, and the default `/astro/{{ cluster_id }}/{{ workspace_id }}` needs it; \
         set it, or name your own in ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP"
    );
}

#[test]
fn without_a_sink_the_message_says_which_variables_to_set() {
    let error = problem(from(&[&PLATFORM]));
    assert!(error.contains("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED=true"), "{error}");
    assert!(error.contains("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED=true"), "{error}");
    let errors = problems(from(&[&PLATFORM, &[("ASTRO_CLOUDWATCH_TASK_LOG_ENABLED", "true")]]));
    assert_eq!(
        errors[0],
        "environment: ASTRO_CLOUDWATCH_TASK_LOG_ENABLED: no such variable; did you mean ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED?"
    );
}

#[test]
fn misspelt_and_idle_variables_are_warnings_when_there_is_work_to_do() {
    let config = from(&[
        &PLATFORM,
        &CLOUDWATCH_PAGE,
        &[
            ("ASTRO_CLOUDWATCH_REGION_NAME_OF_MINE", "x"),
            ("AIRFLOW__ASTRO_SECONDARY_LOGS__REGION", "us-east-1"),
        ],
    ])
    .expect("works");
    assert_eq!(
        config.warnings,
        [
            "ASTRO_CLOUDWATCH_REGION_NAME_OF_MINE: no such variable",
            "AIRFLOW__ASTRO_SECONDARY_LOGS__REGION has no effect: \
         AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED is not true",
        ]
    );
}

#[test]
fn truth_is_what_the_pages_say_and_nothing_vague() {
    let enabled = |value| from(&[&PLATFORM, &[("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", value)]]);
    for value in ["true", "True", "TRUE", "1", " true ", "\"true\""] {
        assert_eq!(enabled(value).expect(value).sinks.len(), 1, "{value}");
    }
    for value in ["false", "False", "0", "no", "off", ""] {
        assert!(problem(enabled(value)).contains("no sink is turned on"), "{value}");
    }
    let errors = problems(enabled("ture"));
    assert_eq!(
        errors[0],
        "environment: ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED: `ture` is neither true nor false; write true or false"
    );
}

#[test]
fn an_s3_folder_is_read_as_people_write_it() {
    let folder =
        |value| from(&[&PLATFORM, &S3_PAGE, &[("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER", value)]]);
    for (value, bucket, prefix) in [
        ("s3://my-bucket/logs", "my-bucket", "logs/"),
        ("\"s3://my-bucket/logs\"", "my-bucket", "logs/"),
        ("s3://my-bucket/a/b/", "my-bucket", "a/b/"),
        ("s3://my-bucket", "my-bucket", ""),
        ("s3://my-bucket/", "my-bucket", ""),
    ] {
        let config = folder(value).expect(value);
        assert_eq!((&*s3(&config).bucket, &*s3(&config).key_prefix), (bucket, prefix), "{value}");
    }
    assert_eq!(
        problem(folder("my-bucket/logs")),
        "environment: AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER: `my-bucket/logs` is no S3 folder; \
         write it as in s3://my-bucket/logs"
    );
    for value in ["s3://", "s3:///logs", "https://my-bucket.s3.amazonaws.com/logs"] {
        assert!(problem(folder(value)).contains("S3_BASE_LOG_FOLDER"), "{value}");
    }
    assert!(problem(folder("")).contains("not set: where the copies go is not known"));
}

#[test]
fn the_pages_typographic_hyphens_are_explained() {
    let copied = [
        ("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER", "s3://my\u{2011}bucket/logs"),
        ("AIRFLOW__ASTRO_SECONDARY_LOGS__REGION", "us\u{2011}east\u{2011}1"),
    ];
    let errors = problems(from(&[&PLATFORM, &S3_PAGE, &copied]));
    assert_eq!(errors.len(), 2);
    for error in errors {
        assert!(
            error.contains(
                "has the typographic character U+2011, as copied from a web page; write a plain `-`"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_role_that_is_none_and_a_log_folder_that_is_nowhere_are_named() {
    let errors =
        problems(from(&[&PLATFORM[..3], &CLOUDWATCH_PAGE, &[("ASTRO_CLOUDWATCH_ROLE_ARN", "rolename")]]));
    assert_eq!(
        errors[0],
        "environment: AIRFLOW__LOGGING__BASE_LOG_FOLDER: where Airflow's logs are is not known: not set; set it, or AIRFLOW_HOME"
    );
    assert!(
        errors[1].starts_with("environment: ASTRO_CLOUDWATCH_ROLE_ARN: `rolename` is no ARN of an IAM role")
    );
}

#[test]
fn cursors_below_the_logs_are_never_read_as_logs() {
    let data_dir = |path| from(&[&PLATFORM, &CLOUDWATCH_PAGE, &[("UPDRAFT_DATA_DIR", path)]]);
    let config = data_dir("/logs/state").expect("good");
    assert_eq!(config.sources[0].exclude.last().map(String::as_str), Some("state/**"));
    assert_eq!(problem(data_dir("/logs/")), "environment: UPDRAFT_DATA_DIR: is Airflow's log folder itself");
}

#[test]
fn the_quotes_of_an_env_file_belong_to_no_value() {
    let every = [&PLATFORM[..], &CLOUDWATCH_PAGE, &S3_PAGE, &[("UPDRAFT_DATA_DIR", "/data")]].concat();
    let named = [("TEAM", "core"), ("ASTRO_CLOUDWATCH_TASK_LOGS_GROUP_STREAM", "{{ env.TEAM }}")];
    let plain = env(&[&every, &named]);
    let config = from_environment(&plain).expect("good");
    assert_eq!(config.deployment.cluster_id.as_deref(), Some("c1"));
    for quote in ['"', '\''] {
        let quoted: Env =
            plain.iter().map(|(name, value)| (name.clone(), format!("{quote}{value}{quote}"))).collect();
        assert_eq!(from_environment(&quoted), Ok(config.clone()), "{quote}");
    }
    let one_side = from(&[&every, &[("UPDRAFT_DATA_DIR", "/data\"")]]).expect("good");
    assert_eq!(one_side.data_dir.to_str(), Some("/data\""), "one quote is no pair");
}
