//! What stands around an `@`: passwords in URLs, and addresses.

use super::{Look, Rule, Seen, end_of};
use std::ops::Range;

pub const URL_PASSWORD: Rule =
    Rule { name: "url-password", signs: &["://"], look: Look::Around(url_password) };

pub const EMAIL: Rule = Rule { name: "email", signs: &["@"], look: Look::Around(email) };

/// `scheme://user:PASSWORD@host`. The password may hold what it must not: people write `/` and `@`, and `SQLAlchemy` takes
/// some of it. In doubt a bit of what follows is hidden, too.
fn url_password(text: &[u8], sign: Range<usize>) -> Seen {
    let is_outside = |byte: u8| byte.is_ascii_whitespace() || b"\"'<>\\".contains(&byte);
    let user = end_of(text, sign.end, |byte| !is_outside(byte) && !b":/?#@".contains(&byte));
    if text.get(user) != Some(&b':') {
        return Seen { secret: None, until: user };
    }
    let start = user + 1;
    let mut end = end_of(text, start, |byte| byte != b'@' && !is_outside(byte));
    if text.get(end) != Some(&b'@') {
        return Seen { secret: None, until: end };
    }
    if is_port(&text[start..end]) {
        return Seen { secret: None, until: start };
    }
    loop {
        let next = end_of(text, end + 1, |byte| !is_outside(byte) && !b"@?#".contains(&byte));
        let is_other_url = text[end..next].windows(3).any(|it| it == b"://");
        if text.get(next) != Some(&b'@') || is_other_url {
            break;
        }
        end = next;
    }
    if end == start { Seen { secret: None, until: end } } else { Seen::secret(start..end) }
}

/// `8080/path?by=me`: a host's port and more, and the `@` is of something else.
fn is_port(text: &[u8]) -> bool {
    let digits = end_of(text, 0, |byte| byte.is_ascii_digit());
    (1..=5).contains(&digits) && matches!(text.get(digits), Some(b'/' | b'?' | b'#'))
}

/// `local@domain.top`. Bytes beyond ASCII are letters here.
fn email(text: &[u8], sign: Range<usize>) -> Seen {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._%+-".contains(&byte);
    let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".-".contains(&byte);
    let start = sign.start - text[..sign.start].iter().rev().take_while(|byte| is_local(**byte)).count();
    let run = end_of(text, sign.end, is_domain);
    let end = run - text[sign.end..run].iter().rev().take_while(|byte| b".-".contains(byte)).count();
    let top = text[sign.end..end].rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let has_top = top.len() < end - sign.end && top.len() >= 2 && !top[0].is_ascii_digit();
    if start == sign.start || !has_top { Seen::default() } else { Seen::secret(start..end) }
}
