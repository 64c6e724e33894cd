//! How long the oldest byte that is not acknowledged has been there: two marks a lane, however fast its file grows.

use std::time::Instant;

/// Never younger than the oldest byte is; older only while the cursor is between its two marks.
#[derive(Debug, Default)]
pub struct Age {
    /// Everything up to that offset was there by then.
    mark: Option<(Instant, u64)>,
    /// When the first byte after that offset came.
    next: Option<Instant>,
}

impl Age {
    /// The same of an age that takes room only while there is one.
    pub fn look_at(age: &mut Option<Box<Self>>, size: u64, acknowledged: u64, now: Instant) {
        if acknowledged >= size {
            *age = None;
        } else {
            age.get_or_insert_default().look(size, acknowledged, now);
        }
    }

    /// So much is there, of which so much is acknowledged.
    pub fn look(&mut self, size: u64, acknowledged: u64, now: Instant) {
        if acknowledged >= size {
            *self = Self::default();
            return;
        }
        match self.mark {
            None => self.mark = Some((now, size)),
            Some((_, up_to)) if size > up_to && acknowledged >= up_to => {
                self.mark = Some((self.next.take().unwrap_or(now), size));
            }
            Some((_, up_to)) if size > up_to => {
                self.next.get_or_insert(now);
            }
            Some(_) => {}
        }
    }

    /// Since when the oldest byte is there; none: all is acknowledged.
    pub fn since(&self) -> Option<Instant> {
        self.mark.map(|(since, _)| since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        /// A file grows and its cursor follows, in any steps: each is (seconds, bytes that came, bytes acknowledged).
        #[test]
        fn the_age_is_never_less_than_the_oldest_byte_s(steps in prop::collection::vec((0_u64..9, 0_u64..5, 0_u64..5), 1..60)) {
            let begin = Instant::now();
            let (mut now, mut acknowledged) = (begin, 0);
            // When each byte came.
            let mut came: Vec<Instant> = Vec::new();
            let mut age = Age::default();
            for (seconds, grown, moved) in steps {
                now += Duration::from_secs(seconds);
                came.extend((0..grown).map(|_| now));
                let size = came.len() as u64;
                age.look(size, acknowledged, now);
                acknowledged = size.min(acknowledged + moved);
                age.look(size, acknowledged, now);
                match (age.since(), came.get(acknowledged as usize)) {
                    (Some(since), Some(oldest)) => {
                        prop_assert!(since <= *oldest);
                        // And it is the age of some byte that was there, not of none.
                        prop_assert!(came.contains(&since));
                    }
                    (since, oldest) => prop_assert!(since.is_none() && oldest.is_none()),
                }
            }
        }
    }

    #[test]
    fn a_cursor_that_keeps_up_is_not_called_late() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut age = Age::default();
        for second in 0..100 {
            // A hundred bytes a second, acknowledged a second later.
            age.look(100 * (second + 1), 100 * second, at(second));
            assert!(at(second).duration_since(age.since().unwrap()) <= Duration::from_secs(1));
        }
    }
}
