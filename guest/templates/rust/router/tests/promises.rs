//! What this router promises.

use demo_component::Teams;
use updraft_guest::{LogStream, LogStreamName, Router, Sink, Target, testing};

fn routed(dag_id: &str, label: &str, standard: Target) -> Option<Target> {
    let config = r#"{"teams": {"etl": "data-platform", "etl_orders": "orders"}}"#;
    let mut teams = Teams::configure(config).expect("a good config");
    let mut origin: LogStream = testing::origin();
    if let Some(task) = &mut origin.task {
        task.dag_id = dag_id.to_owned();
    }
    let sink = Sink {
        id: "archive".to_owned(),
        kind: "aws_s3".to_owned(),
    };
    teams
        .route(&origin, label, &sink, standard)
        .expect("a name")
}

fn stream(group: &str) -> Target {
    Target::LogStream(LogStreamName {
        group: group.to_owned(),
        name: "attempt=1.log".to_owned(),
    })
}

fn key(key: &str) -> Target {
    Target::ObjectKey(key.to_owned())
}

#[test]
fn a_team_has_a_log_group_and_a_folder_of_its_own() {
    assert_eq!(
        routed("etl", "default", stream("/airflow")),
        Some(stream("/airflow/data-platform"))
    );
    assert_eq!(
        routed("etl", "default", key("a.log")),
        Some(key("data-platform/a.log"))
    );
}

#[test]
fn the_longest_beginning_counts() {
    assert_eq!(
        routed("etl_orders_eu", "default", key("a.log")),
        Some(key("orders/a.log"))
    );
}

#[test]
fn dags_of_no_team_go_where_the_sink_says() {
    assert_eq!(
        routed("billing", "default", stream("/airflow")),
        Some(stream("/airflow"))
    );
}

#[test]
fn debug_goes_nowhere() {
    assert_eq!(routed("etl", "debug", key("a.log")), None);
}

#[test]
fn without_teams_it_does_not_start() {
    for config in ["{}", r#"{"teams": {"etl": 7}}"#] {
        assert!(Teams::configure(config).is_err(), "{config}");
    }
}
