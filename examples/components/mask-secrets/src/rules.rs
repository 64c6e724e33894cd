//! What is hidden: signs that give a secret away, and a rule for each that says where the secret is.

mod aws;
mod cards;
mod contact;
mod tokens;

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, Match};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::collections::BTreeMap;
use std::ops::Range;
use updraft_guest::Finder;

/// A rule that is built in.
struct Rule {
    name: &'static str,
    /// What it is looked for by, in any letter case.
    signs: &'static [&'static str],
    look: Look,
}

/// How a rule looks for the secret, once there is a sign of it.
enum Look {
    /// Around the sign.
    Around(fn(text: &[u8], sign: Range<usize>) -> Seen),
    /// The sign is a name; the secret is the value that follows, of at least [`MIN_VALUE`] such bytes.
    Value(fn(u8) -> bool),
}

/// What a rule saw.
#[derive(Debug, Default)]
struct Seen {
    secret: Option<Range<usize>>,
    /// Signs of the same rule before here give nothing else away. It keeps the whole linear: `eyJeyJeyJ…` is looked at
    /// once, not once for each sign.
    until: usize,
}

impl Seen {
    fn secret(secret: Range<usize>) -> Self {
        Self { until: secret.end, secret: Some(secret) }
    }

    /// The run of such bytes at `from`, if it is so long; what is shorter is soon looked at again.
    fn run(text: &[u8], from: usize, is_part: fn(u8) -> bool, min: usize) -> Self {
        let end = end_of(text, from, is_part);
        if end - from < min { Self::default() } else { Self::secret(from..end) }
    }
}

/// Shorter values are no secrets of AWS.
const MIN_VALUE: usize = 16;

const RULES: [Rule; 12] = [
    aws::ACCESS_KEY_ID,
    aws::SECRET_ACCESS_KEY,
    aws::SESSION_TOKEN,
    aws::STS_TOKEN,
    tokens::BEARER,
    tokens::BASIC,
    tokens::JWT,
    tokens::GITHUB,
    tokens::SLACK,
    tokens::VENDOR,
    contact::URL_PASSWORD,
    contact::EMAIL,
];
const URL_PASSWORD: usize = RULES.len() - 2;
const EMAIL: usize = RULES.len() - 1;
/// Card numbers have no sign but their digits.
const CARD_NUMBER: &str = "card-number";

/// The names of all that is built in. Two rules may share one, then they are neighbours.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let names = RULES.iter().map(|rule| rule.name).chain([CARD_NUMBER]);
    names.filter(move |name| std::mem::replace(&mut last, name) != *name)
}

/// Everything that is hidden.
#[derive(Debug)]
pub struct Rules {
    signs: DFA,
    /// Whose they are, by their index.
    owners: Vec<Owner>,
    cards: bool,
    /// All patterns at once: which of them match.
    any_pattern: RegexSet,
    patterns: Vec<Regex>,
    /// Whether one of them may match a piece of a text though it does not match the text.
    has_anchors: bool,
}

#[derive(Debug)]
enum Owner {
    /// Index into [`RULES`].
    Rule(usize),
    Word(Vec<u8>),
}

impl Rules {
    /// `builtin` says which of the built-in rules are on; those that it does not name are.
    pub fn new(
        builtin: &BTreeMap<String, bool>,
        words: &[String],
        patterns: &[String],
    ) -> Result<Self, String> {
        if let Some(unknown) = builtin.keys().find(|name| names().all(|known| known != **name)) {
            let known = names().collect::<Vec<_>>().join(", ");
            return Err(format!("`builtin` has no rule `{unknown}`; there are {known}"));
        }
        let is_on = |name: &str| *builtin.get(name).unwrap_or(&true);
        let mut signs = Vec::new();
        let mut owners = Vec::new();
        for (at, rule) in RULES.iter().enumerate().filter(|(_, rule)| is_on(rule.name)) {
            signs.extend_from_slice(rule.signs);
            owners.extend(rule.signs.iter().map(|_| Owner::Rule(at)));
        }
        for word in words {
            if word.is_empty() {
                return Err("one of `words` is empty".to_owned());
            }
            signs.push(word);
            owners.push(Owner::Word(word.clone().into_bytes()));
        }
        let automaton = DFA::builder()
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&signs)
            .map_err(|error| format!("`words` are too many: {error}"))?;
        let compile = |pattern: &String| {
            let compiled = RegexBuilder::new(pattern).unicode(false).build();
            compiled.map_err(|error| format!("the pattern `{pattern}` is none: {error}"))
        };
        let patterns_compiled = patterns.iter().map(compile).collect::<Result<_, _>>()?;
        let any_pattern = RegexSetBuilder::new(patterns)
            .unicode(false)
            .build()
            .map_err(|error| format!("`patterns` are too many: {error}"))?;
        // A `^` may be no anchor; then it only costs time.
        let anchors = ["^", "$", r"\b", r"\B", r"\A", r"\z"];
        Ok(Self {
            signs: automaton,
            owners,
            cards: is_on(CARD_NUMBER),
            any_pattern,
            has_anchors: patterns.iter().any(|pattern| anchors.iter().any(|anchor| pattern.contains(anchor))),
            patterns: patterns_compiled,
        })
    }

    /// Whether there is anything to hide in the text. `known`: it is a piece of a text that was asked for before, in
    /// which nothing was.
    pub fn finds(&self, text: &[u8], known: bool) -> bool {
        if !self.patterns.is_empty() && (!known || self.has_anchors) && self.any_pattern.is_match(text) {
            return true;
        }
        let mut found = Vec::new();
        if !known {
            self.find_builtin(text, &mut found);
        }
        !found.is_empty()
    }

    /// Whether a name says that its value is a secret.
    pub fn tells(&self, name: &[u8]) -> bool {
        !self.telling(name).is_empty()
    }

    /// Where the secret is in the value of that name.
    pub fn value_of(&self, name: &[u8], value: &[u8]) -> Option<Range<usize>> {
        self.telling(name).into_iter().find_map(|is_part| Seen::run(value, 0, is_part, MIN_VALUE).secret)
    }

    fn telling(&self, name: &[u8]) -> Vec<fn(u8) -> bool> {
        let mut telling = Vec::new();
        self.each_sign(name, |sign| {
            if let Owner::Rule(at) = self.owners[sign.pattern().as_usize()]
                && let Look::Value(is_part) = RULES[at].look
            {
                telling.push(is_part);
            }
        });
        telling
    }

    /// Every sign in the text, in order of their ends: the one loop that passes over all bytes of all events.
    fn each_sign(&self, text: &[u8], mut found: impl FnMut(Match)) {
        let dfa = &self.signs;
        let Ok(mut state) = dfa.start_state(Anchored::No) else { return };
        for (at, byte) in text.iter().enumerate() {
            state = dfa.next_state(Anchored::No, state, *byte);
            if dfa.is_special(state) && dfa.is_match(state) {
                for which in 0..dfa.match_len(state) {
                    let pattern = dfa.match_pattern(state, which);
                    found(Match::new(pattern, at + 1 - dfa.pattern_len(pattern)..at + 1));
                }
            }
        }
    }

    fn find_builtin(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        let mut until = [0; RULES.len()];
        self.each_sign(text, |sign| match &self.owners[sign.pattern().as_usize()] {
            Owner::Word(word) if text[sign.range()] == **word => found.push(sign.range()),
            Owner::Rule(at) if sign.start() >= until[*at] => {
                let seen = match RULES[*at].look {
                    Look::Around(look) => look(text, sign.range()),
                    Look::Value(is_part) => value(text, sign.end(), is_part),
                };
                until[*at] = until[*at].max(seen.until);
                if *at == URL_PASSWORD && seen.secret.is_some() {
                    // The `@` behind it makes no address of password and host.
                    until[EMAIL] = seen.until + 1;
                }
                found.extend(seen.secret);
            }
            Owner::Word(_) | Owner::Rule(_) => {}
        });
        if self.cards {
            cards::find_all(text, found);
        }
    }
}

impl Finder for &Rules {
    fn find_all(&mut self, text: &[u8], found: &mut Vec<Range<usize>>) {
        self.find_builtin(text, found);
        if self.patterns.is_empty() {
            return;
        }
        for pattern in self.any_pattern.matches(text) {
            let pattern = &self.patterns[pattern];
            if pattern.capture_names().flatten().any(|name| name == "secret") {
                let secrets =
                    pattern.captures_iter(text).filter_map(|it| it.name("secret").map(|it| it.range()));
                found.extend(secrets);
            } else {
                found.extend(pattern.find_iter(text).map(|it| it.range()));
            }
        }
    }
}

/// The value that belongs to the name which ends at `from`: `name=value`, `"name": "value"`, `<name>value`.
fn value(text: &[u8], from: usize, is_part: fn(u8) -> bool) -> Seen {
    const MAX_BETWEEN: usize = 16;
    let between = |byte| b"\"'`:=>,()[]{}| \t".contains(&byte);
    let start = from + text[from..].iter().take(MAX_BETWEEN).take_while(|byte| between(**byte)).count();
    if start == from { Seen::default() } else { Seen::run(text, start, is_part, MIN_VALUE) }
}

/// Where the run of such bytes that begins at `from` ends.
fn end_of(text: &[u8], from: usize, is_part: impl Fn(u8) -> bool) -> usize {
    from + text[from..].iter().take_while(|byte| is_part(**byte)).count()
}

/// Whether a word goes on before `at`.
fn is_in_a_word(text: &[u8], at: usize) -> bool {
    text[..at].last().is_some_and(u8::is_ascii_alphanumeric)
}
