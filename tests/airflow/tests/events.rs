//! Promise: what Airflow's readers take from CloudWatch is every record of the try, once, in the order of their times, with
//! those of its triggers; and its page shows all of it.

use updraft_airflow_tests::readers::{Airflow, Question, ask};
use updraft_airflow_tests::shelf::{self, Sink};
use updraft_airflow_tests::{Identity, awkward, pages, records};
use updraft_tests::{LogFolder, Moto, fixture_sets};

type Tries = Vec<(Question, Vec<Vec<u8>>)>;

/// What one Airflow hands back of these tries is the records of their files.
fn same_records(airflow: Airflow, moto: &Moto, tries: &Tries) {
    let questions: Vec<Question> = tries.iter().map(|(question, _)| question.clone()).collect();
    let mut wrong = Vec::new();
    for (answer, (_, files)) in ask(airflow, moto, &questions).iter().zip(tries) {
        let wanted = records::expected(files);
        let got = records::read_back(airflow, answer);
        let missing = pages::missing_of_events(airflow, answer, &wanted);
        let troubles = [
            answer.complaints().first().map(ToString::to_string),
            records::difference(&wanted, &got),
            missing.first().map(|line| format!("the page lacks {} lines, as {line}", missing.len())),
        ];
        wrong.extend(
            troubles.into_iter().flatten().map(|trouble| format!("{airflow:?}, {}: {trouble}", answer.path)),
        );
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), tries.len(), wrong.join("\n"));
}

#[test]
fn every_record_of_real_airflows_is_read_back_once_and_in_order() {
    let moto = shelf::moto();
    let (mut of_two, mut of_three) = (Tries::new(), Tries::new());
    for set in fixture_sets() {
        let tries = Sink::Events.deliver(&moto, &LogFolder::of(&set), &set);
        assert!(!tries.is_empty(), "{set}");
        let airflow = if set.starts_with("airflow2/") { &mut of_two } else { &mut of_three };
        airflow.extend(tries);
    }
    same_records(Airflow::Two, &moto, &of_two);
    // Who has moved from Airflow 2 to 3 still has the old logs.
    of_three.extend(of_two);
    same_records(Airflow::Three, &moto, &of_three);
}

#[test]
fn any_name_and_any_text_is_found_and_read() {
    let moto = shelf::moto();
    for airflow in Airflow::BOTH {
        let files = [awkward::files_of(airflow), awkward::bad_bytes()].concat();
        let tries = Sink::Events.deliver(&moto, &shelf::folder(&files), airflow.environment());
        assert_eq!(tries.len(), files.len());
        same_records(airflow, &moto, &tries);
    }
}

#[test]
fn a_record_that_claims_to_be_younger_than_its_file_is_shown_though_its_try_has_ended() {
    let moto = shelf::moto();
    for airflow in Airflow::BOTH {
        let identity = Identity::new("late", "stamps", "task");
        let lines: String = match airflow {
            Airflow::Two => ["21T23:58:58", "21T23:58:59", "22T00:05:00"]
                .map(|time| format!("[2026-11-{time}.000+0000] {{load.py:7}} INFO - at {time}\n"))
                .concat(),
            Airflow::Three => ["21T23:58:58", "21T23:58:59", "22T00:05:00"]
                .map(|time| format!("{{\"timestamp\":\"2026-11-{time}.000000Z\",\"event\":\"at {time}\"}}\n"))
                .concat(),
        };
        let logs = shelf::folder(&[(identity.path(), lines.into_bytes())]);
        let mut tries = Sink::Events.deliver(&moto, &logs, airflow.environment());
        let (question, _) = tries.pop().expect("there is one");
        let answer = &ask(airflow, &moto, &[question.of_a_try_that_ended("2026-11-21T23:59:00Z")])[0];
        let text = answer.shown.concat();
        let found: Vec<_> =
            ["at 21T23:58:58", "at 21T23:58:59", "at 22T00:05:00"].map(|line| text.find(line)).to_vec();
        assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{airflow:?}: {:#?}", answer.shown);
    }
}
