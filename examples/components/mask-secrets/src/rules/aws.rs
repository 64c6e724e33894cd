//! AWS's three kinds of credentials. Only the first can be told by itself; forty letters of base64 may be anything.

use super::{Look, Rule, Seen};
use std::ops::Range;

pub const ACCESS_KEY_ID: Rule =
    Rule { name: "aws-access-key-id", signs: &["AKIA", "ASIA"], look: Look::Around(access_key_id) };

pub const SECRET_ACCESS_KEY: Rule = Rule {
    name: "aws-secret-access-key",
    signs: &[
        "secret_access_key",
        "secret-access-key",
        "secret access key",
        "secretaccesskey",
        "aws_secret_key",
        "aws-secret-key",
        "awssecretkey",
        "aws_secret",
    ],
    look: Look::Value(|byte| byte.is_ascii_alphanumeric() || b"/+=".contains(&byte)),
};

pub const SESSION_TOKEN: Rule = Rule {
    name: "aws-session-token",
    signs: &[
        "session_token",
        "session-token",
        "session token",
        "sessiontoken",
        "security-token",
        "security_token",
        "securitytoken",
    ],
    look: Look::Value(is_part_of_token),
};

/// The same by what tokens of STS begin with, whatever stands before them.
pub const STS_TOKEN: Rule = Rule {
    name: SESSION_TOKEN.name,
    signs: &["IQoJb3JpZ2luX2Vj", "FwoGZXIvYXdz", "FQoGZXIvYXdz"],
    look: Look::Around(|text, sign| Seen::run(text, sign.start, is_part_of_token, 40)),
};

/// Base64 of either alphabet, perhaps as part of a URL.
fn is_part_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/+=-_.%".contains(&byte)
}

/// Twenty capital letters and digits, these four included.
fn access_key_id(text: &[u8], sign: Range<usize>) -> Seen {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    Seen::run(text, sign.start, is_part, 20)
}
