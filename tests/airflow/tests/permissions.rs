//! Promise: what docs/airflow-ui.md allows the UI's identity is enough for it.

use std::fs;
use std::panic::catch_unwind;

use serde_json::{Value, json};
use updraft_airflow_tests::readers::{Airflow, Question, ask_as};
use updraft_airflow_tests::shelf::{self, Sink};
use updraft_airflow_tests::{Identity, awkward, ours};
use updraft_tests::allow;

/// The policies of the page, in one.
fn policy() -> Value {
    let page = fs::read_to_string(ours("../../docs/airflow-ui.md")).expect("the page is there");
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let policies = blocks.map(|text| serde_json::from_str::<Value>(text).expect("a policy is JSON"));
    let statements: Vec<Value> =
        policies.flat_map(|policy| policy["Statement"].as_array().cloned().unwrap_or_default()).collect();
    assert_eq!(statements.len(), 3);
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[test]
fn the_ui_reads_with_the_permissions_of_the_page_and_not_without() {
    let moto = shelf::moto();
    let identity = Identity::new("etl", "manual__2026-11-21T12:00:00+00:00", "load");
    let line = awkward::text_line("12:00:00.000", "hello");
    let logs = || shelf::folder(&[(identity.path(), line.clone().into_bytes())]);
    // Bucket and log group of the page.
    let tries = [
        Sink::Objects.deliver(&moto, &logs(), "logs"),
        Sink::Events.deliver(&moto, &logs(), "airflow/tasks"),
    ];
    let questions: Vec<Question> = tries.into_iter().flatten().map(|(question, _)| question).collect();
    let reader = moto.create_user("reader", &policy());
    let nobody = moto.create_user("nobody", &allow(&["sts:GetCallerIdentity"], &["*"]));
    moto.enforce_iam();

    for airflow in Airflow::BOTH {
        for answer in ask_as(&reader, airflow, &moto, &questions) {
            assert!(answer.complaints().is_empty(), "{airflow:?}: {answer:#?}");
            assert!(answer.shown.iter().any(|line| line.contains("hello")), "{airflow:?}: {answer:#?}");
        }
    }
    // Of S3 Airflow lets the refusal pass through; of CloudWatch it says it.
    let refused =
        catch_unwind(|| ask_as(&nobody, Airflow::Two, &moto, &questions[..1])).expect_err("it is allowed");
    let words = refused.downcast_ref::<String>().expect("a panic has words");
    assert!(words.contains("(AccessDenied) when calling the ListObjectsV2 operation"), "{words}");
    let answer = &ask_as(&nobody, Airflow::Two, &moto, &questions[1..])[0];
    assert!(answer.said.concat().contains("not authorized to perform: logs:GetLogEvents"), "{answer:#?}");
}
