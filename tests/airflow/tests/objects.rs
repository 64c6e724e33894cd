//! Promise: what Airflow's readers take from the bucket is the log file, byte for byte, and its page shows all of it.

use updraft_airflow_tests::readers::{Airflow, Question, ask};
use updraft_airflow_tests::shelf::{self, Sink};
use updraft_airflow_tests::{awkward, pages};
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
