//! Checks of single values, the same for a config file and for environment variables.

use std::time::Duration;

use super::error::Report;

/// Longest that any wait may be set to.
const LONGEST: Duration = Duration::from_hours(24);

/// Seconds as a config has them.
pub(super) fn seconds(value: f64, least: Duration, field: &str, report: &mut Report) -> Duration {
    match Duration::try_from_secs_f64(value) {
        Ok(duration) if (least..=LONGEST).contains(&duration) => duration,
        _ => {
            let (least, longest) = (least.as_secs_f64(), LONGEST.as_secs_f64());
            report.add(field, format!("{value} is not between {least} and {longest} seconds"));
            LONGEST
        }
    }
}

/// A number within bounds that are both allowed.
pub(super) fn within<T: Copy + PartialOrd + std::fmt::Display>(
    value: T,
    least: T,
    most: T,
    field: &str,
    report: &mut Report,
) -> T {
    if value < least || value > most {
        report.add(field, format!("{value} is not between {least} and {most}"));
    }
    value
}

/// A pin: 64 hex digits, in lower case from here on.
pub(super) fn sha256(value: &str, field: &str, report: &mut Report) -> Option<String> {
    if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(value.to_ascii_lowercase());
    }
    let what = format!("`{value}` is no SHA-256: that has 64 hex digits");
    report.add_with_help(field, what, "`updraft inspect` prints it");
    None
}

/// Characters that web pages and word processors put in place of `-`, `"`, `'` and space: the platform's own page has
/// U+2011 in `s3://my‑bucket/logs`. Never meant in a name.
fn typographic(c: char) -> Option<&'static str> {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some("write a plain `-`"),
        '\u{2018}'..='\u{201f}' => Some("write a plain quote, or none"),
        '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{202f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {
            Some("delete it")
        }
        _ => None,
    }
}

/// Reports a character that came along when a value was copied from a page.
pub(super) fn as_typed(value: &str, field: &str, report: &mut Report) -> bool {
    let Some((c, help)) = value.chars().find_map(|c| Some((c, typographic(c)?))) else { return true };
    let what =
        format!("`{value}` has the typographic character U+{:04X}, as copied from a web page", c as u32);
    report.add_with_help(field, what, help);
    false
}

/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
pub(super) fn region(value: &str, field: &str, report: &mut Report) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if as_typed(value, field, report) && (value.is_empty() || !value.chars().all(allowed)) {
        report.add_with_help(field, format!("`{value}` is no AWS region"), "write it as in us-east-1");
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>
pub(super) fn role_arn(value: &str, field: &str, report: &mut Report) {
    let parts: Vec<_> = value.splitn(6, ':').collect();
    let is_role = match parts[..] {
        ["arn", partition, "iam", "", account, resource] => {
            let account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            let name = resource.strip_prefix("role/").unwrap_or("");
            partition.starts_with("aws") && account && !name.is_empty() && !name.contains(char::is_whitespace)
        }
        _ => false,
    };
    if as_typed(value, field, report) && !is_role {
        let help = "write it as in arn:aws:iam::123456789012:role/rolename";
        report.add_with_help(field, format!("`{value}` is no ARN of an IAM role"), help);
    }
}

/// What a bucket's name can never have; whether it exists, S3 knows. Access points are named by their ARN.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub(super) fn bucket(value: &str, field: &str, report: &mut Report) {
    if !as_typed(value, field, report) || value.starts_with("arn:") {
        return;
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if value.starts_with("s3://") || value.contains('/') {
        report.add_with_help(
            field,
            format!("`{value}` is more than a bucket's name"),
            "put what follows it in key_prefix",
        );
    } else if value.is_empty() || !value.chars().all(allowed) {
        report.add(field, format!("`{value}` is no name of a bucket"));
    }
}

/// A URL to talk to.
pub(super) fn endpoint(value: &str, field: &str, report: &mut Report) {
    let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    if as_typed(value, field, report)
        && host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace))
    {
        report.add_with_help(field, format!("`{value}` is no URL"), "begin it with http:// or https://");
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::Lines;
    use super::*;

    fn complaint(check: impl FnOnce(&mut Report)) -> Option<String> {
        let mut report = Report::new("test", Lines::default());
        check(&mut report);
        report.finish(Some(())).err().map(|error| error.to_string())
    }

    #[test]
    fn a_role_must_be_the_arn_of_a_role() {
        for good in
            ["arn:aws:iam::123456789012:role/rolename", "arn:aws-cn:iam::123456789012:role/path/to/r@x"]
        {
            assert_eq!(complaint(|report| role_arn(good, "f", report)), None);
        }
        for bad in [
            "",
            "rolename",
            "arn:aws:iam::123456789012:user/u",
            "arn:aws:iam::12345678901:role/r",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:s3:::bucket",
        ] {
            assert!(complaint(|report| role_arn(bad, "f", report)).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_placeholder_left_in_is_no_region() {
        assert_eq!(complaint(|report| region("eu-central-1", "f", report)), None);
        let error = complaint(|report| region("<your-cloudwatch-region>", "f", report)).expect("error");
        assert_eq!(error, "test: f: `<your-cloudwatch-region>` is no AWS region; write it as in us-east-1");
    }

    #[test]
    fn the_hyphens_of_the_platforms_page_are_named() {
        let error = complaint(|report| bucket("my\u{2011}bucket", "f", report)).expect("error");
        assert!(error.contains("U+2011") && error.ends_with("write a plain `-`"), "{error}");
        assert!(
            complaint(|report| region("us\u{2011}east\u{2011}1", "f", report))
                .expect("error")
                .contains("U+2011")
        );
    }

    #[test]
    fn a_bucket_is_a_name_or_an_access_point() {
        for good in ["my-bucket", "legacy_Bucket.1", "arn:aws:s3:us-east-1:123456789012:accesspoint/x"] {
            assert_eq!(complaint(|report| bucket(good, "f", report)), None);
        }
        for bad in ["", "s3://my-bucket", "my-bucket/logs", "my bucket"] {
            assert!(complaint(|report| bucket(bad, "f", report)).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_wait_is_at_most_a_day_and_bounds_are_allowed() {
        let day = LONGEST.as_secs_f64();
        assert_eq!(complaint(|report| assert_eq!(seconds(day, Duration::ZERO, "f", report), LONGEST)), None);
        for bad in [day + 1.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(complaint(|report| _ = seconds(bad, Duration::ZERO, "f", report)).is_some(), "{bad}");
        }
        assert!(complaint(|report| _ = seconds(0.4, Duration::from_millis(500), "f", report)).is_some());
        assert_eq!(complaint(|report| _ = within(10, 1, 10, "f", report)), None);
        assert!(complaint(|report| _ = within(11, 1, 10, "f", report)).is_some());
    }
}
