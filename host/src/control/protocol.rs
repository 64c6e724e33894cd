//! What is said over the control socket, version 1.
//!
//! ```text
//! → {"updraft":1,"drain":{"which":{"tries":{"dag_id":"etl"}},"timeout_secs":25.0}}
//! ← {"progress":{"bytes_left":4096}}
//! ← {"drained":{"files":1,"bytes":4096,"all_seen":true,"lacking":[]}}
//!
//! → {"updraft":1,"reload":{}}
//! ← "working"
//! ← {"reloaded":{"transforms":[{"transform":"mask","before":"9c11…","after":"22db…","exchanged":true}]}}
//! ```

use crate::pipeline::{Drained, Reloaded};
use crate::source::Which;
use serde::{Deserialize, Serialize};

/// What both sides have to speak. It changes when an old host, or an old client, would misunderstand.
pub const VERSION: u32 = 1;
/// The longest question, in bytes.
pub const MAX_REQUEST: u64 = 64 << 10;
/// The longest answer, in bytes: a few sinks with a few paths each.
pub const MAX_ANSWER: u64 = 4 << 20;

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`] of who asks.
    pub updraft: u32,
    /// What is asked.
    #[serde(flatten)]
    pub verb: Verb,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Deliver all of these files now. Answered by progress, then [`Answer::Drained`].
    Drain {
        /// Which files.
        which: Which,
        /// For how long at most.
        timeout_secs: f64,
    },
    /// Read the config again and exchange what components are other in it. Answered by [`Answer::Reloaded`] or
    /// [`Answer::NotReloaded`].
    Reload {},
}

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Not the result yet; comes at once and then every second.
    Progress {
        /// Of all sinks together.
        bytes_left: u64,
    },
    /// The same, where there is no progress to tell.
    Working,
    /// The result of a drain.
    Drained(Drained),
    /// What a reload exchanged.
    Reloaded(Reloaded),
    /// Nothing was exchanged.
    NotReloaded {
        /// The config itself cannot be used.
        bad_config: bool,
        /// Why.
        why: String,
    },
    /// It was not understood, or cannot be done now: why.
    Refused(String),
}

/// Reads a question; the error is meant for who asked.
pub fn parse(line: &[u8]) -> Result<Verb, String> {
    #[derive(Deserialize)]
    struct Spoken {
        updraft: u32,
    }
    let Ok(Spoken { updraft }) = serde_json::from_slice(line) else {
        return Err("that is no question to updraft".to_owned());
    };
    if updraft != VERSION {
        return Err(format!("this host speaks version {VERSION} of the control protocol, not {updraft}"));
    }
    let request: Request =
        serde_json::from_slice(line).map_err(|error| format!("not understood: {error}"))?;
    Ok(request.verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_is_read_as_it_was_written() {
        let text = r#"{"updraft":1,"drain":{"which":{"tries":{"dag_id":"etl"}},"timeout_secs":25.0}}"#;
        let which = Which::Tries {
            dag_id: Some("etl".into()),
            run_id: None,
            task_id: None,
            map_index: None,
            try_number: None,
        };
        let verb = Verb::Drain { which, timeout_secs: 25.0 };
        assert_eq!(parse(text.as_bytes()), Ok(verb.clone()));
        let written = serde_json::to_vec(&Request { updraft: VERSION, verb: verb.clone() }).unwrap();
        assert_eq!(parse(&written), Ok(verb));
        assert_eq!(parse(br#"{"updraft":1,"reload":{}}"#), Ok(Verb::Reload {}));
        let all = br#"{"updraft":1,"drain":{"which":"all","timeout_secs":1}}"#;
        assert_eq!(parse(all), Ok(Verb::Drain { which: Which::All, timeout_secs: 1.0 }));
    }

    #[test]
    fn who_speaks_another_version_or_says_nonsense_is_told_so() {
        for (line, says) in [
            (r#"{"updraft":2,"fly":{}}"#, "version 1"),
            (r#"{"updraft":1,"fly":{}}"#, "not understood"),
            (r#"{"updraft":1,"drain":{"which":"some","timeout_secs":1}}"#, "not understood"),
            ("GET / HTTP/1.1", "no question"),
            ("", "no question"),
        ] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line);
        }
    }
}
