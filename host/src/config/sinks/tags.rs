//! Checks of tags: AWS's rules for their keys and values are the same for log groups and objects.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use crate::config::error::Report;
use crate::config::parse::member;

/// Characters of a key.
const MAX_KEY_CHARS: usize = 128;
/// Characters of a value.
const MAX_VALUE_CHARS: usize = 256;
/// Keys that begin so are AWS's own.
const RESERVED: &str = "aws:";

/// Checks how many there are, and their keys. `what` has them.
pub(super) fn keys<'a>(
    keys: impl ExactSizeIterator<Item = &'a String>,
    (most, what): (usize, &str),
    field: &str,
    report: &mut Report,
) {
    if keys.len() > most {
        report.add(field, format!("{what} has at most {most} tags"));
    }
    for key in keys {
        if !(1..=MAX_KEY_CHARS).contains(&key.chars().count()) {
            report.add(field, format!("the name `{key}` is not 1 to {MAX_KEY_CHARS} characters long"));
        } else if !key.chars().all(fits) || key.starts_with(RESERVED) {
            let help = "letters, digits, spaces and +-=._:/@; names that begin with aws: are AWS's own";
            report.add_with_help(field, format!("`{key}` cannot be the name of a tag"), help);
        }
    }
}

/// Checks a value that is no template.
pub(super) fn value(key: &str, value: &str, field: &str, report: &mut Report) {
    let field = member(field, key);
    if value.chars().count() > MAX_VALUE_CHARS {
        report.add(&field, format!("the value of a tag has at most {MAX_VALUE_CHARS} characters"));
    } else if !value.chars().all(fits) {
        let help = "letters, digits, spaces and +-=._:/@";
        report.add_with_help(&field, format!("`{value}` cannot be the value of a tag"), help);
    }
}

fn fits(c: char) -> bool {
    c.is_alphanumeric() || " +-=._:/@".contains(c)
}
