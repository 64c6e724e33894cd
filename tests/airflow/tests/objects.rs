//! Promise: what Airflow's readers take from the bucket is the log file, byte for byte, and its page shows all of it.

use updraft_airflow_tests::readers::{Airflow, Question, ask};
use updraft_airflow_tests::shelf::{self, Sink};
use updraft_airflow_tests::{Identity, awkward, pages};
use updraft_tests::{LogFolder, Moto, fixture_sets};

type Tries = Vec<(Question, Vec<Vec<u8>>)>;

/// What one Airflow hands back of these tries is what their files hold.
fn same_bytes(airflow: Airflow, moto: &Moto, tries: &Tries) {
    let questions: Vec<Question> = tries.iter().map(|(question, _)| question.clone()).collect();
    for (answer, (_, files)) in ask(airflow, moto, &questions).iter().zip(tries) {
        let bytes = files.concat();
        assert!(answer.complaints().is_empty(), "{airflow:?} of {}: {:?}", answer.path, answer.complaints());
        let text = answer.raw.concat();
        assert!(text.as_bytes() == bytes, "{airflow:?} of {}:\n{text}", answer.path);
        let missing = pages::missing_of_objects(airflow, answer, &bytes);
        assert!(missing.is_empty(), "{airflow:?}, page of {}: {missing:?}", answer.path);
    }
}

#[test]
fn every_file_of_real_airflows_is_read_back_byte_for_byte() {
    let moto = shelf::moto();
    let (mut of_two, mut of_three) = (Tries::new(), Tries::new());
    for set in fixture_sets() {
        let tries = Sink::Objects.deliver(&moto, &LogFolder::of(&set), &set);
        assert!(!tries.is_empty(), "{set}");
        let airflow = if set.starts_with("airflow2/") { &mut of_two } else { &mut of_three };
        airflow.extend(tries);
    }
    same_bytes(Airflow::Two, &moto, &of_two);
    same_bytes(Airflow::Three, &moto, &of_three);
}

#[test]
fn any_name_and_any_text_is_found_and_read() {
    let moto = shelf::moto();
    for airflow in Airflow::BOTH {
        let files = awkward::files_of(airflow);
        let tries = Sink::Objects.deliver(&moto, &shelf::folder(&files), airflow.environment());
        assert_eq!(tries.len(), files.len());
        same_bytes(airflow, &moto, &tries);
    }
}

#[test]
fn a_byte_that_is_no_utf_8_is_a_question_mark_and_costs_no_other() {
    let moto = shelf::moto();
    let files = awkward::bad_bytes();
    let mut tries = Sink::Objects.deliver(&moto, &shelf::folder(&files), "bad");
    for (_, files) in &mut tries {
        *files = vec![awkward::with_question_marks(&files.concat())];
    }
    assert_eq!(tries.len(), files.len());
    for airflow in Airflow::BOTH {
        same_bytes(airflow, &moto, &tries);
    }
}

#[test]
fn a_line_that_airflow_sees_in_the_file_too_is_shown_once() {
    let moto = shelf::moto();
    for airflow in Airflow::BOTH {
        let identity = Identity::new("running", "r", airflow.environment());
        let lines = [10, 20, 30, 40].map(|second| match airflow {
            Airflow::Two => awkward::text_line(
                &format!("12:00:{second}.000"),
                &format!("at {second}\nand more at {second}"),
            ),
            Airflow::Three => {
                awkward::json_line(&format!("12:00:{second}.000123"), &format!("at {second}").into())
            }
        });
        // The file is a line ahead.
        let delivered = [(identity.path(), lines[..3].concat().into_bytes())];
        let (question, _) = Sink::Objects.deliver(&moto, &shelf::folder(&delivered), "running").remove(0);
        let answer = &ask(airflow, &moto, &[question.beside(&lines.concat())])[0];
        assert_eq!(answer.raw.concat(), lines[..3].concat(), "{airflow:?}");
        let page = answer.shown.concat();
        for second in [10, 20, 30, 40] {
            let times = page.matches(&format!("at {second}")).count();
            let wanted = if airflow == Airflow::Two { 2 } else { 1 };
            assert_eq!(times, wanted, "{airflow:?}: {:#?}", answer.shown);
        }
    }
}
