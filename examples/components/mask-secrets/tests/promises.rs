//! What the component's documentation says it hides is hidden, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use proptest::prelude::*;
use updraft_example_mask_secrets::{MaskSecrets, names};
use updraft_guest::testing::{self, Row};
use updraft_guest::{EventSet, LogStream, Transformer};
use updraft_guest_airflow::Airflow;

fn mask(config: &str) -> MaskSecrets {
    MaskSecrets::configure(config).unwrap_or_else(|error| panic!("{error}"))
}

/// The events of a log, masked.
fn masked_by(config: &str, log: &str) -> Vec<Row> {
    let given = testing::normalize(&mut Airflow, &testing::origin(), log, true).unwrap();
    testing::transform(&mut mask(config), &testing::origin(), &given).unwrap().rows()
}

/// A line of Airflow 2 with that message, masked; its message.
fn message(config: &str, message: &str) -> String {
    let log = format!("[2026-11-21T12:00:00.000+0000] {{load.py:7}} INFO - {message}\n");
    let rows = masked_by(config, &log);
    let [row] = rows.as_slice() else { panic!("{message} is one event") };
    let raw = String::from_utf8_lossy(&row.raw);
    assert!(raw.ends_with(&format!(" - {}\n", row.text())), "raw says the same: {raw}");
    row.text()
}

/// All that any sink could ship of an event, and what it reads as.
fn shown(row: &Row) -> String {
    let mut shown = vec![row.text(), String::from_utf8_lossy(&row.raw).into_owned()];
    for (name, value, _) in &row.attributes {
        shown.push(format!("{name}={}", String::from_utf8_lossy(value)));
    }
    let decoded =
        |text: &String| serde_json::from_str::<serde_json::Value>(text).map(|json| format!("{json:?}"));
    let read: Vec<String> = shown.iter().filter_map(|text| decoded(text).ok()).collect();
    shown.extend(read);
    shown.join("\n")
}

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const STS: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDexample+token==";
const JWT: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

/// Rule, what a task may say, and what is to be left of it.
fn hidden() -> Vec<(&'static str, String, String)> {
    let case = |rule, says: &str, left: &str| {
        let fill = |text: &str| {
            [("KEY_ID", KEY_ID), ("SECRET", SECRET), ("STS", STS), ("JWT", JWT)]
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
        };
        (rule, fill(says), left.to_owned())
    };
    vec![
        case("aws-access-key-id", "using <KEY_ID> now", "using *** now"),
        case("aws-access-key-id", "ASIAIOSFODNN7EXAMPLE", "***"),
        case("aws-secret-access-key", "aws_secret_access_key=<SECRET>", "aws_secret_access_key=***"),
        case(
            "aws-secret-access-key",
            "{'AWS_SECRET_ACCESS_KEY': '<SECRET>', 'x': 1}",
            "{'AWS_SECRET_ACCESS_KEY': '***', 'x': 1}",
        ),
        case(
            "aws-secret-access-key",
            "<SecretAccessKey><SECRET></SecretAccessKey>",
            "<SecretAccessKey>***</SecretAccessKey>",
        ),
        case("aws-secret-access-key", "AWS Secret Access Key: <SECRET>.", "AWS Secret Access Key: ***."),
        case(
            "aws-secret-access-key",
            "secret_access_key=<SECRET> secret_access_key=<SECRET>",
            "secret_access_key=*** secret_access_key=***",
        ),
        case("aws-session-token", "export AWS_SESSION_TOKEN=<STS>", "export AWS_SESSION_TOKEN=***"),
        case("aws-session-token", "got <STS> back", "got *** back"),
        case(
            "aws-session-token",
            "https://b.s3/k?X-Amz-Security-Token=abc%2Fdef%2B0123456789&x=1",
            "https://b.s3/k?X-Amz-Security-Token=***&x=1",
        ),
        case("bearer-token", "Authorization: Bearer abc123.def", "Authorization: Bearer ***"),
        case(
            "bearer-token",
            "'authorization': 'bearer  sOmeThingLongEnough'",
            "'authorization': 'bearer  ***'",
        ),
        case("basic-auth", "Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***"),
        case("basic-auth", "{'Authorization': 'Basic dXNlcjpwdw=='}", "{'Authorization': 'Basic ***'}"),
        case("jwt", "token=<JWT>;", "token=***;"),
        case("jwt", "eyJ.eyJx.<JWT>", "eyJ.eyJx.***"),
        case("github-token", "git clone with ghp_16C7e42F292c6912E7710c838347Ae178B4a", "git clone with ***"),
        case("github-token", "x_github_pat_11AAAAAAA0abcdefghij_klmnop", "x_***"),
        case("slack-token", "xoxb-123456789012-abcdefGHIJ sent", "*** sent"),
        case(
            "slack-token",
            "POST https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
            "POST https://***",
        ),
        case("vendor-token", "glpat-abcDEF0123456789_-xy", "***"),
        case(
            "url-password",
            "postgres://etl:s3cret@db.internal:5432/wh",
            "postgres://etl:***@db.internal:5432/wh",
        ),
        case(
            "url-password",
            "mysql+pymysql://etl:p@ss/w0rd@db:3306/x?by=y",
            "mysql+pymysql://etl:***@db:3306/x?by=y",
        ),
        case("url-password", "'redis://:s3cret@cache:6379/0'", "'redis://:***@cache:6379/0'"),
        case("url-password", "amqp://a:b@h1;amqp://c:d@h2 up", "amqp://a:***@h1;amqp://c:***@h2 up"),
        case("email", "mail to ann.smith+x@example.co.uk, please", "mail to ***, please"),
        case("email", "grüße an jürgen@example.de!", "grüße an ***!"),
        case("card-number", "charged 4111 1111 1111 1111 today", "charged *** today"),
        case("card-number", "card=378282246310005,", "card=***,"),
    ]
}

#[test]
fn what_is_built_in_hides_what_it_promises_and_leaves_the_words_around_it() {
    for (rule, says, left) in hidden() {
        assert_eq!(message("{}", &says), left, "{rule}");
    }
}

#[test]
fn each_built_in_rule_can_be_switched_off_by_name_and_is_tried_here() {
    let tried: Vec<&str> = hidden().into_iter().map(|(rule, ..)| rule).collect();
    for name in names() {
        assert!(tried.contains(&name), "{name} is tried");
        let off = |is_off: &dyn Fn(&str) -> bool| {
            let off = names().filter(|it| is_off(it)).map(|it| format!("\"{it}\":false"));
            format!("{{\"builtin\":{{{}}}}}", off.collect::<Vec<_>>().join(","))
        };
        for (_, says, left) in hidden().into_iter().filter(|(rule, ..)| *rule == name) {
            assert_eq!(message(&off(&|it| it != name), &says), left, "only {name}");
            // Another rule may see something in it, too.
            assert_ne!(message(&off(&|it| it == name), &says), left, "all but {name}");
            assert_eq!(message(&off(&|_| true), &says), says, "none");
        }
    }
}

#[test]
fn what_only_looks_like_a_secret_is_left_alone() {
    for says in [
        "Bearer authentication",
        "Bearer token is missing",
        "Asia/Kolkata AKIA",
        "http://host:8080/path?by=me@example",
        "http://user@host/ and https://airflow.apache.org/docs",
        "secret_access_key is not set",
        "the secret access key: none",
        "@task and @dag, user@localhost, x@1.2.3.4",
        "daily_report-2026-11-21 00:00:00+00:00 took 0.4111111111111111",
        "dapitestingframeworkmodule npm_config_registry_of_the_company",
        "eyJhbGciOi",
        "Dependencies all met for dep_context=non-requeueable deps ti=<TaskInstance: a.b scheduled__2024-05-01T00:00:00+00:00 [queued]>",
    ] {
        assert_eq!(message("{}", says), says);
    }
}

#[test]
fn words_and_patterns_of_the_user_are_hidden_with_the_replacement_of_the_user() {
    let config = r#"{
        "words": ["hunter2", "Grüße", "a\"b"],
        "patterns": ["customer-\\d{8}", "(?i)^pin=(?<secret>\\d+)", "straße \\d+"],
        "replacement": "[hidden]"
    }"#;
    for (says, left) in [
        ("hunter2hunter2 HUNTER2", "[hidden][hidden] HUNTER2"),
        ("viele Grüße", "viele [hidden]"),
        ("a\"b", "[hidden]"),
        ("PIN=1234 of customer-12345678.", "PIN=[hidden] of [hidden]."),
        ("a pin=1234", "a pin=1234"),
        ("in der straße 7", "in der [hidden]"),
    ] {
        assert_eq!(message_only(config, says), left);
    }
}

#[test]
fn a_pattern_of_a_key_and_its_value_hides_the_value_whatever_it_escapes() {
    let config =
        r#"{"patterns": ["\"private_key\": *\"[^\"]+\"", "\"pw\": *\"(?<secret>(?:[^\"\\\\]|\\\\.)*)\""]}"#;
    for (log, raw) in [
        (r#"{"event":"plain","private_key": "MIIEsecret"}"#, r#"{"event":"plain",***}"#),
        (
            r#"{"event":"escaped","private_key": "-----BEGIN\nMIIEsecret\n-----END"}"#,
            r#"{"event":"escaped",***}"#,
        ),
        (r#"{"event":"escaped\n","private_key": "MIIEsecret"}"#, r#"{"event":"escaped\n",***}"#),
        (r#"{"event":"x","pw": "abc\"defSECRET"}"#, r#"{"event":"x","pw": "***"}"#),
    ] {
        let rows = masked_by(config, &format!("{log}\n"));
        assert_eq!(String::from_utf8_lossy(&rows[0].raw).trim_end(), raw);
    }
}

/// The message alone: raw begins otherwise, and a pattern may ask for that.
fn message_only(config: &str, says: &str) -> String {
    let log = format!("[2026-11-21T12:00:00.000+0000] {{load.py:7}} INFO - {says}\n");
    masked_by(config, &log)[0].text()
}

#[test]
fn a_config_that_is_wrong_is_refused_with_what_is_wrong_about_it() {
    for (config, says) in [
        (
            r#"{"wrods": []}"#,
            "unknown field `wrods`, expected one of `replacement`, `words`, `patterns`, `builtin`",
        ),
        (r#"{"patterns": ["ok", "a(b"]}"#, "the pattern `a(b` is none"),
        (r#"{"patterns": ["[é]"]}"#, "the pattern `[é]` is none"),
        (r#"{"words": [""]}"#, "one of `words` is empty"),
        (r#"{"words": "hunter2"}"#, "expected a sequence"),
        (r#"{"builtin": {"e-mail": false}}"#, "`builtin` has no rule `e-mail`; there are aws-access-key-id,"),
        (r#""hunter2""#, "config of mask-secrets: invalid type"),
    ] {
        let error = MaskSecrets::configure(config).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_secret_in_json_is_hidden_wherever_it_stands_and_however_it_is_escaped() {
    let config = r#"{"words": ["päss\"wörd"]}"#;
    let line = r#"{"timestamp":"2026-11-21T12:00:00Z","level":"info","event":"EVENT","logger":"LOGGER","around":"kept"MORE}"#;
    for (event, logger, more) in [
        ("x <KEY_ID>", "root", ""),
        (r"x \u0041KIA<REST>", "root", ""),
        (r"x \u0041\u004b\u0049\u0041<REST>", "root", ""),
        ("x", "my.<KEY_ID>", ""),
        ("x", r"my.\u0041KIA<REST>", ""),
        ("x", "root", r#","<KEY_ID>":1"#),
        ("x", "root", r#","\u0041KIA<REST>":{"\u0041KIA<REST>":["<KEY_ID>"]}"#),
        ("x", "root", r#","nested":{"a":[{"b":"\u0041KIA<REST>"}]}"#),
        ("x", "root", r#","payload":"{\"key\":\"\\u0041KIA<REST>\"}""#),
        (r#"failed: {\"key\":\"\\u0041KIA<REST>\"}"#, "root", ""),
        ("x", "root", r#","exception":"KeyError: '\u0041KIA<REST>'\n""#),
        ("x", "root", r#","aws_secret_access_key":"<SECRET>""#),
        ("x", "root", r#","aws_secret_access_key":"wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY""#),
        ("x", "root", r#","aws\u005fsecret_access_key":"<SECRET>""#),
        ("x", "root", r#","aws_secret_access_key":["<SECRET>"]"#),
        ("x", "root", r#","creds":{"SecretAccessKey":"wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY"}"#),
        (
            "x",
            "root",
            r#","creds":"{\"SecretAccessKey\": \"wJalrXUtnFEMI\\/K7MDENG\\/bPxRfiCYEXAMPLEKEY\"}""#,
        ),
        (r#"p\u00e4ss\"w\u00f6rd"#, "root", r#","p":"päss\"wörd""#),
        ("postgres:\\/\\/u:<REST>\\u0040host", "root", ""),
    ] {
        let line = line.replace("EVENT", event).replace("LOGGER", logger).replace("MORE", more);
        let line =
            line.replace("<KEY_ID>", KEY_ID).replace("<SECRET>", SECRET).replace("<REST>", &KEY_ID[4..]);
        for line in [format!("{line}\n"), line[..line.len() - 1].to_owned()] {
            let rows = masked_by(config, &line);
            let shown: String = rows.iter().map(shown).collect();
            for secret in [KEY_ID, SECRET, "päss\"wörd", &KEY_ID[4..], &SECRET[14..]] {
                assert!(!shown.contains(secret), "{secret} of {line} in\n{shown}");
            }
            assert!(shown.contains("***") && shown.contains("kept"), "{shown}");
            if line.ends_with('\n') {
                let raw = serde_json::from_slice::<serde_json::Value>(&rows[0].raw);
                assert!(raw.is_ok(), "JSON stays JSON: {shown}");
            }
        }
    }
}

/// Adds what it is told as an attribute, as a stage before may.
struct Adds(&'static str, &'static str);

impl Transformer for Adds {
    fn configure(_config: &str) -> Result<Self, String> {
        Err("made in a test".to_owned())
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        events.into_iter().for_each(|mut event| event.set_text(self.0, self.1));
        Ok(())
    }
}

#[test]
fn what_a_stage_before_added_is_hidden_too() {
    for (name, value) in [(KEY_ID, "x"), ("x", KEY_ID), ("aws_secret_access_key", SECRET)] {
        let given = testing::normalize(&mut Airflow, &testing::origin(), "kept\n", true).unwrap();
        let given = testing::transform(&mut Adds(name, value), &testing::origin(), &given).unwrap();
        let rows = testing::transform(&mut mask("{}"), &testing::origin(), &given).unwrap().rows();
        let shown = shown(&rows[0]);
        assert!(!shown.contains(KEY_ID) && !shown.contains(SECRET) && shown.contains("***"), "{shown}");
    }
}

#[test]
fn a_clean_batch_goes_back_as_it_came() {
    let log = "[2026-11-21T12:00:00.000+0000] {load.py:7} INFO - see http://host:80/x\\n and Asia/Tokyo\n";
    let given = testing::normalize(&mut Airflow, &testing::origin(), log.repeat(3), true).unwrap();
    let masked = testing::transform(&mut mask("{}"), &testing::origin(), &given).unwrap();
    assert_eq!(masked.columns, given.columns);
}

#[test]
fn a_line_made_to_be_slow_is_searched_in_one_go() {
    let piece = [
        "eyJ",
        "eyJ.",
        "eyJaaaaaaaa.",
        "://a:",
        "://a:@",
        "@",
        "a@b.cc@",
        "session_token=",
        "secretaccesskey=",
        "bearer ",
        "authorization:",
        "AKIA",
        "ghp_",
        "xoxb-",
        "4",
        "4 ",
        "4111-",
        "\\u0041",
        "\\\\",
        "IQoJb3JpZ2luX2Vj",
    ];
    for piece in piece {
        let says = piece.repeat((1 << 18) / piece.len());
        let mut found = mask("{}");
        let given = testing::normalize(&mut Airflow, &testing::origin(), says, true).unwrap();
        // It ends: what went over the line once for each sign would not, in hours.
        testing::transform(&mut found, &testing::origin(), &given).unwrap();
    }
}

proptest! {
    #[test]
    fn no_secret_survives_whatever_stands_around_it(
        before in "(\\PC{0,12}[ ,;=(\"']|)", after in "([ ,;)\"'\\n]\\PC{0,12}|)", which in 0..3_usize
    ) {
        let secret = ["AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", JWT][which];
        let says = format!("{before}{secret}{after}");
        let json = serde_json::json!({ "timestamp": "2026-11-21T12:00:00Z", "level": "info", "event": says, "k": [says] });
        for log in [format!("{json}\n"), format!("[2026-11-21T12:00:00.000+0000] {{load.py:7}} INFO - {says}\n")] {
            let shown: String = masked_by("{}", &log).iter().map(shown).collect();
            prop_assert!(!shown.contains(secret), "{}", shown);
        }
    }
}
