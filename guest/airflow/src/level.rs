//! Level words, Python's and those of its neighbours.

use updraft_guest::Severity;

const WORDS: [(&[u8], Level); 13] = [
    (b"INFO", Level::exact(Severity::INFO)),
    (b"WARNING", Level::exact(Severity::WARNING)),
    (b"ERROR", Level::exact(Severity::ERROR)),
    (b"DEBUG", Level::exact(Severity::DEBUG)),
    (b"CRITICAL", Level::exact(Severity::CRITICAL)),
    (b"WARN", Level::exact(Severity::WARNING)),
    (b"FATAL", Level::exact(Severity::CRITICAL)),
    (b"EXCEPTION", Level::near(Severity::ERROR)),
    (b"ERR", Level::near(Severity::ERROR)),
    (b"TRACE", Level::near(Severity::TRACE)),
    (b"NOTICE", Level::near(Severity(10))),
    (b"SUCCESS", Level::near(Severity::INFO)),
    (b"NOTSET", Level::near(Severity::NONE)),
];

/// What a level word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub severity: Severity,
    /// False where the word says more than the level that the event will have, so that it must be kept.
    pub is_exact: bool,
}

impl Level {
    const fn exact(severity: Severity) -> Self {
        Self { severity, is_exact: true }
    }

    const fn near(severity: Severity) -> Self {
        Self { severity, is_exact: false }
    }
}

/// What a level word in upper case says.
pub fn upper(word: &[u8]) -> Option<Level> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, level)| *level)
}

/// What a level word in any case says.
pub fn any_case(word: &[u8]) -> Option<Level> {
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_in_any_case_and_others_are_none() {
        assert_eq!(any_case(b"warning"), Some(Level::exact(Severity::WARNING)));
        assert_eq!(any_case(b"Exception"), Some(Level::near(Severity::ERROR)));
        assert_eq!(upper(b"info"), None);
        assert_eq!(any_case(b"Level None"), None);
        assert_eq!(any_case(b""), None);
    }
}
