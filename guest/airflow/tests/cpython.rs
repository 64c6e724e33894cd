//! Exceptions are printed as Python prints them: `cpython/cases.json` is what Python 3.11 itself printed.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use serde_json::Value;
use updraft_guest::testing;
use updraft_guest_airflow::Airflow;

#[test]
fn every_shape_of_exception_is_printed_as_python_prints_it() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cpython/cases.json")).unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let line = format!(
            "{}\n",
            serde_json::json!({
                "timestamp": "2026-11-21T19:27:09.533893Z",
                "level": "error",
                "event": "Task failed with exception",
                "error_detail": case["error_detail"],
            })
        );
        let batch = testing::normalize(&mut Airflow, &testing::origin(), line, true).unwrap();
        let printed = batch.rows()[0].attribute("exception").unwrap_or_default() + "\n";
        assert_eq!(printed, case["expected"].as_str().unwrap(), "{}", case["name"]);
    }
}
