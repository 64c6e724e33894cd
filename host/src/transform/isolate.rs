//! Finds what spoils a batch by giving less and less of it. Pure: the caller runs what it is asked to.

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<T, E> {
    /// The longest beginning that was seen to be good, how many units that are, and what came of it; none: the first unit
    /// alone is bad.
    pub good: Option<(usize, T)>,
    /// Why the beginning that is one unit longer is bad.
    pub error: E,
}

/// Looks for the first unit of `units` (at least one) that spoils the whole, which is bad for the reason `error`. `run`
/// says what comes of the first so many units. It is asked about log₂(units) times.
pub fn first_bad<T, E>(units: usize, error: E, mut run: impl FnMut(usize) -> Result<T, E>) -> Found<T, E> {
    let mut found = Found { good: None, error };
    let (mut good, mut bad) = (0, units);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match run(middle) {
            Ok(answer) => {
                good = middle;
                found.good = Some((middle, answer));
            }
            Err(error) => {
                bad = middle;
                found.error = error;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_bad_unit_is_found_with_few_runs(units in 1_usize..2000, bad in 0_usize..2000, more in 0_usize..2000) {
            let bad = bad % units;
            let is_bad = |unit: usize| unit == bad || unit == bad + more;
            let mut runs = 0;
            let found = first_bad(units, units, |count| {
                runs += 1;
                if (0..count).any(is_bad) { Err(count) } else { Ok(count * 10) }
            });
            let expected = (bad > 0).then_some((bad, bad * 10));
            prop_assert_eq!(found, Found { good: expected, error: bad + 1 });
            prop_assert!(runs <= 11, "{} runs", runs);
        }

        #[test]
        fn whatever_comes_and_goes_it_ends_at_a_good_beginning_before_a_bad_one(answers in prop::collection::vec(any::<bool>(), 1..300)) {
            let found = first_bad(answers.len(), answers.len(), |count| if answers[count - 1] { Ok(()) } else { Err(count) });
            let good = found.good.map_or(0, |(count, ())| count);
            prop_assert_eq!(found.error, good + 1);
            prop_assert!(good == 0 || answers[good - 1]);
        }
    }
}
