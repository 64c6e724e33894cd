//! What a table says of a name, so that one entry can speak for many DAGs.

/// Entries with patterns of names (say, of DAG ids), to look a name up in. A `*` in a pattern stands for any text, also
/// none, a `?` for one character; all else for itself. The first entry of which a pattern fits counts.
///
/// ```
/// use updraft_guest::Table;
///
/// let owners = Table::new([(vec!["billing", "invoice_*"], "finance"), (vec!["*"], "platform")]);
/// assert_eq!(owners.find("invoice_daily"), Some(&"finance"));
/// assert_eq!(owners.find("cleanup"), Some(&"platform"));
/// ```
#[derive(Debug, Clone)]
pub struct Table<T> {
    entries: Vec<(Vec<String>, T)>,
}

impl<T> Table<T> {
    /// Of these entries, in this order: each has its patterns and what it says.
    pub fn new<P>(entries: impl IntoIterator<Item = (P, T)>) -> Self
    where
        P: IntoIterator<Item: Into<String>>,
    {
        let owned = |(patterns, says): (P, T)| (patterns.into_iter().map(Into::into).collect(), says);
        Self { entries: entries.into_iter().map(owned).collect() }
    }

    /// What the table says of the name; none where no pattern fits.
    pub fn find(&self, name: &str) -> Option<&T> {
        let fits = |pattern: &String| fits(pattern, name);
        self.entries.iter().find(|(patterns, _)| patterns.iter().any(fits)).map(|(_, says)| says)
    }
}

/// Whether a pattern fits a name. The last `*` alone is ever gone back to, so that it takes no longer than the product
/// of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut star = None;
    loop {
        let at = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((pattern.clone(), at.clone()));
                name = at;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (Some(_), None) => return false,
            // It does not fit so: have the last star take one character more.
            _ => {
                let Some((after, mut from)) = star.take() else { return false };
                from.next();
                (pattern, name) = (after.clone(), from.clone());
                star = Some((after, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, name) in [
            ("etl", "etl"),
            ("etl_*", "etl_"),
            ("etl_*", "etl_daily"),
            ("*_daily", "etl_daily"),
            ("*.*.v?", "a.b.c.v2"),
            ("*", ""),
            ("**a*", "xa"),
            ("?", "é"),
            ("", ""),
        ] {
            assert!(fits(pattern, name), "{pattern} fits {name}");
        }
        for (pattern, name) in [
            ("etl", "etl2"),
            ("etl", "ETL"),
            ("etl_*", "etl"),
            ("?", ""),
            ("", "x"),
            ("*a", "ab"),
            ("a?c", "ac"),
        ] {
            assert!(!fits(pattern, name), "{pattern} does not fit {name}");
        }
    }

    #[test]
    fn the_first_entry_that_fits_counts() {
        let table = Table::new([(vec!["a*", "b"], 1), (vec!["ab"], 2), (vec!["c"], 3)]);
        let found: Vec<_> = ["ab", "b", "c", "d"].map(|name| table.find(name).copied()).to_vec();
        assert_eq!(found, [Some(1), Some(1), Some(3), None]);
    }

    /// The meaning, tried every way.
    fn tried(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', rest @ ..] => (0..=name.len()).any(|at| tried(rest, &name[at..])),
            [first, rest @ ..] => name
                .split_first()
                .is_some_and(|(found, after)| (*first == '?' || first == found) && tried(rest, after)),
        }
    }

    proptest! {
        #[test]
        fn what_fits_is_what_trying_every_way_finds(pattern in "[ab?*]{0,7}", name in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &name), tried(&chars(&pattern), &chars(&name)));
        }
    }
}
