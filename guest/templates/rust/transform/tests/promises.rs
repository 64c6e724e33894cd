//! What this transform promises.

use demo_component::Mask;
use updraft_guest::testing::{self, Row};
use updraft_guest::{Severity, Transformer};

fn masked(lines: &[(Severity, &str)]) -> Vec<Row> {
    let mut mask = Mask::configure(r#"{"secret": "hunter2"}"#).expect("a good config");
    let given = testing::events(lines);
    testing::transform(&mut mask, &testing::origin(), &given)
        .expect("within the contract")
        .rows()
}

#[test]
fn the_secret_is_gone_from_message_and_raw() {
    let rows = masked(&[(Severity::INFO, "password=hunter2")]);
    assert_eq!(rows[0].text(), "password=***");
    assert_eq!(rows[0].raw, b"password=***\n");
}

#[test]
fn errors_are_labelled_and_debug_is_dropped() {
    let rows = masked(&[
        (Severity::DEBUG, "a"),
        (Severity::INFO, "b"),
        (Severity::ERROR, "c"),
    ]);
    let labels: Vec<_> = rows.iter().map(|row| row.label.as_deref()).collect();
    assert_eq!(labels, [None, Some("default"), Some("errors")]);
}

#[test]
fn without_a_secret_it_does_not_start() {
    for config in ["{}", r#"{"secret": ""}"#, r#"{"secret": 7}"#] {
        assert!(Mask::configure(config).is_err(), "{config}");
    }
}
