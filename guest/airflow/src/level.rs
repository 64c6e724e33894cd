//! Level words, Python's and those of its neighbours.

use updraft_guest::Severity;

/// Longest word of [`WORDS`].
const LONGEST: usize = 9;

const WORDS: [(&[u8], Severity); 13] = [
    (b"INFO", Severity::INFO),
    (b"WARNING", Severity::WARNING),
    (b"ERROR", Severity::ERROR),
    (b"DEBUG", Severity::DEBUG),
    (b"CRITICAL", Severity::CRITICAL),
    (b"WARN", Severity::WARNING),
    (b"FATAL", Severity::CRITICAL),
    (b"EXCEPTION", Severity::ERROR),
    (b"ERR", Severity::ERROR),
    (b"TRACE", Severity::TRACE),
    (b"NOTICE", Severity(10)),
    (b"SUCCESS", Severity::INFO),
    (b"NOTSET", Severity::NONE),
];

/// The severity of a level word, in upper case.
pub fn upper(word: &[u8]) -> Option<Severity> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, severity)| *severity)
}

/// The severity of a level word, in any case.
pub fn any_case(word: &[u8]) -> Option<Severity> {
    let mut buffer = [0; LONGEST];
    let buffer = buffer.get_mut(..word.len())?;
    buffer.copy_from_slice(word);
    buffer.make_ascii_uppercase();
    upper(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_in_any_case_and_others_are_none() {
        assert_eq!(any_case(b"warning"), Some(Severity::WARNING));
        assert_eq!(any_case(b"Exception"), Some(Severity::ERROR));
        assert_eq!(upper(b"info"), None);
        assert_eq!(any_case(b"Level None"), None);
        assert_eq!(any_case(b""), None);
    }
}
