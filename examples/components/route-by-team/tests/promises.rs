//! A team's logs go to the team's place, and what belongs to none goes where it would have gone.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use updraft_example_route_by_team::RouteByTeam;
use updraft_guest::{LogStreamName, Router, Sink, Target, testing};

const CONFIG: &str = r#"{
    "teams": [
        { "team": "finance", "dags": ["billing", "invoice_*"] },
        { "team": "data", "dags": ["etl_*", "*_export", "billing"] }
    ]
}"#;

fn group(name: &str) -> Target {
    Target::LogStream(LogStreamName { group: name.to_owned(), name: "the stream".to_owned() })
}

fn key(key: &str) -> Target {
    Target::ObjectKey(key.to_owned())
}

/// Where events of that DAG go; none: of no DAG.
fn route(config: &str, dag: Option<&str>, standard: Target) -> Option<Target> {
    let mut origin = testing::origin();
    match dag {
        Some(dag) => dag.clone_into(&mut origin.task.as_mut().unwrap().dag_id),
        None => origin.task = None,
    }
    let sink = Sink { id: "out".to_owned(), kind: "aws_cloudwatch_logs".to_owned() };
    RouteByTeam::configure(config).unwrap().route(&origin, "default", &sink, standard).unwrap()
}

#[test]
fn each_teams_dags_go_to_its_log_group_and_below_its_prefix_and_the_first_that_fits_counts() {
    for (dag, team) in
        [("billing", "finance"), ("invoice_daily", "finance"), ("etl_daily", "data"), ("crm_export", "data")]
    {
        assert_eq!(
            route(CONFIG, Some(dag), group("standard")),
            Some(group(&format!("/airflow/{team}"))),
            "{dag}"
        );
        assert_eq!(route(CONFIG, Some(dag), key("a/b.log")), Some(key(&format!("{team}/a/b.log"))), "{dag}");
    }
}

#[test]
fn what_no_team_owns_goes_to_the_default_team_or_where_the_sink_says() {
    let with_default = CONFIG.replacen('{', r#"{ "default_team": "platform","#, 1);
    for dag in [Some("billing2"), None] {
        assert_eq!(route(CONFIG, dag, group("standard")), Some(group("standard")));
        assert_eq!(route(&with_default, dag, group("standard")), Some(group("/airflow/platform")));
        assert_eq!(route(&with_default, dag, key("a")), Some(key("platform/a")));
    }
}

#[test]
fn places_can_be_named_otherwise() {
    let config =
        CONFIG.replacen('{', r#"{ "log_group": "/{team}/logs/{team}", "key_prefix": "team={team}/","#, 1);
    assert_eq!(route(&config, Some("billing"), group("standard")), Some(group("/finance/logs/finance")));
    assert_eq!(route(&config, Some("billing"), key("a")), Some(key("team=finance/a")));
}

#[test]
fn a_config_that_is_wrong_is_refused_with_what_is_wrong_about_it() {
    for (config, says) in [
        ("{}", "missing field `teams`"),
        (r#"{"teams": [], "group": "x"}"#, "unknown field `group`"),
        (r#"{"teams": [{"team": "a", "dag": []}]}"#, "unknown field `dag`, expected `team` or `dags`"),
        (r#"{"teams": [{"team": "a b", "dags": []}]}"#, "cannot hold the team `a b`"),
        (r#"{"teams": [], "default_team": ""}"#, "cannot hold the team ``"),
        (
            r#"{"teams": [], "log_group": "/airflow"}"#,
            "`log_group` needs {team}, and no other braces: /airflow",
        ),
        (r#"{"teams": [], "key_prefix": "{team}/{dag}/"}"#, "`key_prefix` needs {team}"),
    ] {
        let error = RouteByTeam::configure(config).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
