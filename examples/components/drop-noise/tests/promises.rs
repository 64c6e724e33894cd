//! What is dropped, and what never is.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use updraft_example_drop_noise::{CHATTER, DropNoise};
use updraft_guest::Transformer;
use updraft_guest::testing::{self, Row};
use updraft_guest_airflow::Airflow;

/// The messages that are left of records of that level.
fn left(config: &str, level: &str, messages: &[&str]) -> Vec<String> {
    let line = |says: &&str| format!("[2026-11-21T12:00:00.000+0000] {{load.py:7}} {level} - {says}\n");
    let log: String = messages.iter().map(line).collect();
    let given = testing::normalize(&mut Airflow, &testing::origin(), log, true).unwrap();
    assert_eq!(given.rows().len(), messages.len());
    let mut component = DropNoise::configure(config).unwrap();
    let rows = testing::transform(&mut component, &testing::origin(), &given).unwrap().rows();
    rows.iter().filter(|row| row.label.is_some()).map(Row::text).collect()
}

const NOISE: [&str; 4] = [
    "::group::Pre task execution logs",
    "::endgroup::",
    "Dependencies all met for dep_context=requeueable deps ti=<TaskInstance: a.b c [queued]>",
    "0 downstream tasks scheduled from follow-on schedule check",
];

#[test]
fn noise_is_dropped_and_what_a_task_says_is_not() {
    let says = [
        "report for 2024-05-01",
        "Task exited with return code 1",
        "a ::group:: b",
        "Done. Returned value was: 7",
    ];
    assert_eq!(left("{}", "INFO", &[says.as_slice(), &NOISE].concat()), says);
    assert!(left("{}", "DEBUG", &says).is_empty());
}

#[test]
fn a_warning_or_worse_is_never_dropped_unless_its_level_is_named() {
    for level in ["WARNING", "ERROR", "CRITICAL"] {
        assert_eq!(left("{}", level, &NOISE), NOISE);
        let named = format!(r#"{{"levels": ["{}"]}}"#, level.to_lowercase());
        assert!(left(&named, level, &["x"]).is_empty());
    }
    assert_eq!(left(r#"{"levels": []}"#, "DEBUG", &["x"]), ["x"]);
}

#[test]
fn chatter_and_groups_are_for_the_user_to_say() {
    assert_eq!(left(r#"{"groups": false, "chatter": []}"#, "INFO", &NOISE), NOISE);
    let config = r#"{"groups": false, "chatter": ["Poking *"], "more_chatter": ["heart?beat"]}"#;
    assert_eq!(left(config, "INFO", &["Poking for x", "heart beat", NOISE[3]]), [NOISE[3]]);
    assert_eq!(left(r#"{"more_chatter": ["heart?beat"]}"#, "INFO", &["heart beat", NOISE[3], "x"]), ["x"]);
}

#[test]
fn what_is_built_in_says_nothing_of_failures() {
    for says in ["Task failed with exception", "Task exited with return code 2", "Marking task as FAILED."] {
        assert_eq!(left("{}", "INFO", &[says]), [says]);
    }
    assert!(CHATTER.iter().all(|pattern| pattern.len() > 8 && *pattern != "*"));
}

#[test]
fn a_config_that_is_wrong_is_refused_with_what_is_wrong_about_it() {
    for (config, says) in [
        (r#"{"level": []}"#, "unknown field `level`"),
        (r#"{"levels": ["verbose"]}"#, "unknown variant `verbose`, expected one of `debug`"),
        (r#"{"groups": "no"}"#, "expected a boolean"),
    ] {
        let error = DropNoise::configure(config).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
