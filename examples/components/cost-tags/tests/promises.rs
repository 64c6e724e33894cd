//! What the table knows is added, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use updraft_example_cost_tags::CostTags;
use updraft_guest::testing::{self, Row};
use updraft_guest::{LogStream, Transformer};
use updraft_guest_airflow::Airflow;

const CONFIG: &str = r#"{ "tags": [
    { "dags": ["billing", "invoice_*"], "team": "finance", "cost_centre": "4711" },
    { "dags": ["etl_*", "billing"], "team": "data" },
    { "dags": ["etl"], "cost_centre": "4712" }
] }"#;
const LOG: &str = r#"{"timestamp":"2026-11-21T12:00:00Z","level":"info","event":"x","team":"forged"}
plain
"#;

fn tagged(origin: &LogStream) -> Vec<Row> {
    let given = testing::normalize(&mut Airflow, origin, LOG, true).unwrap();
    let mut component = CostTags::configure(CONFIG).unwrap();
    testing::transform(&mut component, origin, &given).unwrap().rows()
}

#[test]
fn every_event_has_the_tags_that_are_known_of_its_dag() {
    for (dag, team, cost_centre) in [
        ("billing", Some("finance"), Some("4711")),
        ("invoice_daily", Some("finance"), Some("4711")),
        ("etl_daily", Some("data"), None),
        ("etl", None, Some("4712")),
        ("other", None, None),
    ] {
        let mut origin = testing::origin();
        dag.clone_into(&mut origin.task.as_mut().unwrap().dag_id);
        let [json, plain] = tagged(&origin).try_into().unwrap();
        assert_eq!(plain.attribute("team").as_deref(), team, "{dag}");
        assert_eq!(plain.attribute("cost_centre").as_deref(), cost_centre, "{dag}");
        assert_eq!(json.attribute("team").as_deref(), team.or(Some("\"forged\"")), "{dag}");
        assert_eq!([json.raw, plain.raw].concat(), LOG.as_bytes());
    }
}

#[test]
fn what_belongs_to_no_dag_is_left_alone() {
    let origin = LogStream { task: None, ..testing::origin() };
    assert!(tagged(&origin)[1].attributes.is_empty());
}

#[test]
fn a_config_that_is_wrong_is_refused_with_what_is_wrong_about_it() {
    for (config, says) in [
        ("{}", "missing field `tags`"),
        (r#"{"tags": [{"dags": ["a"], "cost_center": "1"}]}"#, "unknown field `cost_center`"),
        (r#"{"tags": [{"dags": ["a"], "cost_centre": 1}]}"#, "invalid type: integer `1`, expected a string"),
        (r#"{"tags": [{"team": "a"}]}"#, "missing field `dags`"),
    ] {
        let error = CostTags::configure(config).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
