//! Tokens that let in whoever shows them.

use super::{Look, Rule, Seen, end_of, is_in_a_word};
use std::ops::Range;

pub const BEARER: Rule = Rule { name: "bearer-token", signs: &["bearer"], look: Look::Around(bearer) };

pub const BASIC: Rule = Rule { name: "basic-auth", signs: &["authorization"], look: Look::Around(basic) };

pub const JWT: Rule = Rule { name: "jwt", signs: &["eyJ"], look: Look::Around(jwt) };

pub const GITHUB: Rule = Rule {
    name: "github-token",
    signs: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    look: Look::Around(|text, sign| behind(text, sign, 20)),
};

pub const SLACK: Rule = Rule {
    name: "slack-token",
    signs: &[
        "xoxa-",
        "xoxb-",
        "xoxc-",
        "xoxd-",
        "xoxe-",
        "xoxe.",
        "xoxo-",
        "xoxp-",
        "xoxr-",
        "xoxs-",
        "xapp-",
        "hooks.slack.com/services/",
        "hooks.slack.com/workflows/",
        "hooks.slack.com/triggers/",
    ],
    look: Look::Around(|text, sign| behind(text, sign, 10)),
};

pub const VENDOR: Rule = Rule {
    name: "vendor-token",
    signs: &[
        "glpat-",
        "npm_",
        "pypi-AgE",
        "AIza",
        "ya29.",
        "sk_live_",
        "rk_live_",
        "sk-ant-",
        "dckr_pat_",
        "dapi",
    ],
    look: Look::Around(|text, sign| behind(text, sign, 20)),
};

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~+/=%".contains(&byte)
}

/// A token that begins as its vendor's do, with so many bytes behind that at least. It may be glued to a word before it.
fn behind(text: &[u8], sign: Range<usize>, min: usize) -> Seen {
    let seen = Seen::run(text, sign.start, is_part, sign.len() + min);
    // `dapi` and `npm_` begin words, too; tokens have digits.
    let has_digits = |secret: &Range<usize>| text[secret.clone()].iter().any(u8::is_ascii_digit);
    Seen { secret: seen.secret.filter(has_digits), ..seen }
}

/// What follows the word, unless it is a word as well.
fn bearer(text: &[u8], sign: Range<usize>) -> Seen {
    if is_in_a_word(text, sign.start) {
        return Seen::default();
    }
    let start = end_of(text, sign.end, |byte| b" \t:=\"'".contains(&byte));
    let end = end_of(text, start, is_part);
    let is_token = end - start >= 16 || (end - start >= 6 && text[start..end].iter().any(u8::is_ascii_digit));
    if start > sign.end && is_token { Seen::secret(start..end) } else { Seen::default() }
}

/// `Authorization: Basic …`, also with quotes as in a dictionary of headers.
fn basic(text: &[u8], sign: Range<usize>) -> Seen {
    const SCHEME: &[u8] = b"basic ";
    let start = end_of(text, sign.end, |byte| b" \t:=\"'".contains(&byte));
    let scheme = text[start..].get(..SCHEME.len());
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
        let start = end_of(text, start + SCHEME.len(), |byte| byte == b' ');
        return Seen::run(text, start, |byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte), 4);
    }
    Seen::default()
}

/// Two parts or more of base64 with dots between them, the first a JSON object.
fn jwt(text: &[u8], sign: Range<usize>) -> Seen {
    const MIN_PART: usize = 8;
    if !text[sign.clone()].starts_with(b"eyJ") {
        return Seen::default();
    }
    let end = end_of(text, sign.start, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let mut start = sign.start;
    // The whole run is looked through at once, so that no other sign in it has to be.
    while let Some(dot) = text[start..end].iter().position(|byte| *byte == b'.').map(|at| start + at) {
        let object = text[start..dot].windows(3).position(|it| it == b"eyJ").map(|at| start + at);
        let next = end_of(&text[..end], dot + 1, |byte| byte != b'.');
        if let Some(object) = object.filter(|object| dot - object >= MIN_PART && next - dot > MIN_PART) {
            return Seen::secret(object..end);
        }
        start = dot + 1;
    }
    Seen { secret: None, until: end }
}
