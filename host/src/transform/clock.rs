//! Gives every event a time it can keep. Only the host can: it alone knows what came before the batch.
//!
//! A line without a time of its own gets that of the event before it (across batches and restarts: the
//! stream's clock is kept with the cursor), else the file's. A record that claims a time absurdly away from
//! its neighbours (a message that looks like a `[1999-…]` record) keeps what it claimed as the field
//! `claimed_timestamp` and gets its neighbour's, so that a forged time never costs the line.

use crate::event::{CLAIMED, Events, NO_TIMESTAMP};

/// A step of more than this, back or into the future, is not believed. A log's own clock never does so.
const ABSURD_STEP: i64 = 24 * 3600 * 1_000_000_000;

/// CloudWatch takes nothing older than 14 days.
const ANCIENT: i64 = 14 * ABSURD_STEP;

/// Repairs the times of a batch. `clock`: time of the event before it, or [`NO_TIMESTAMP`]; `file_time`: when
/// the file was last written; `now`: what this machine's clock says. All ns since the epoch. Returns the clock after
/// the batch.
pub fn repair(events: &mut Events, bytes_len: usize, clock: i64, file_time: i64, now: i64) -> i64 {
    // Tools set a file's time back, but a log of the future there is not.
    let latest = file_time.max(now);
    let mut clock =
        if clock == NO_TIMESTAMP { first_clock(&events.timestamps, file_time, latest) } else { clock };
    let mut forged = Vec::new();
    for at in 0..events.timestamps.len() {
        let claimed = events.timestamps[at];
        if claimed != NO_TIMESTAMP {
            if believable(claimed, clock, latest, &events.timestamps[at + 1..]) {
                clock = claimed;
                continue;
            }
            forged.push((at as u32, claimed));
        }
        events.timestamps[at] = clock;
    }
    if !forged.is_empty() {
        keep_claims(events, bytes_len, &forged);
    }
    clock
}

/// Small steps either way are believed (threads, two processes in one file). A long step forward is (a task
/// that was deferred for a week), unless it leads into the future or the log comes back from it. A long step back is
/// believed only from a clock that itself is in the future: then the clock was wrong.
fn believable(claimed: i64, clock: i64, latest: i64, later: &[i64]) -> bool {
    let step = claimed.saturating_sub(clock);
    if step.saturating_abs() <= ABSURD_STEP {
        return true;
    }
    if is_future(claimed, latest) {
        return false;
    }
    if step < 0 {
        return is_future(clock, latest);
    }
    later.iter().all(|&it| it == NO_TIMESTAMP || claimed.saturating_sub(it) <= ABSURD_STEP)
}

/// Nothing was logged later than now.
fn is_future(time: i64, latest: i64) -> bool {
    time.saturating_sub(latest) > ABSURD_STEP
}

/// Before the first event of a stream there is no neighbour. The first recent time that any other in the batch is
/// near is taken (a deferral leaves a long gap, so not the largest company counts); else the recent one nearest to
/// the file's own; else the same among old ones; else the file's.
fn first_clock(times: &[i64], file_time: i64, latest: i64) -> i64 {
    let possible = || times.iter().copied().filter(|&it| it != NO_TIMESTAMP && !is_future(it, latest));
    let has_company =
        |&time: &i64| possible().filter(|&it| it.abs_diff(time) <= ABSURD_STEP as u64).take(2).count() == 2;
    let recent = || possible().filter(|&time| !is_ancient(time, file_time));
    let nearest = |time: &i64| time.abs_diff(file_time);
    recent()
        .find(has_company)
        .or_else(|| recent().min_by_key(nearest))
        .or_else(|| possible().find(has_company))
        .or_else(|| possible().min_by_key(nearest))
        .unwrap_or(file_time)
}

/// Older than anything that CloudWatch would take when the file was written.
fn is_ancient(time: i64, file_time: i64) -> bool {
    file_time.saturating_sub(time) > ANCIENT
}

fn keep_claims(events: &mut Events, bytes_len: usize, forged: &[(u32, i64)]) {
    let Ok(key) = u16::try_from(events.key_names.len()) else { return };
    events.key_names.push(CLAIMED.to_owned());
    for &(event, claimed) in forged {
        let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(claimed)) else { continue };
        let start = (bytes_len + events.arena.len()) as u32;
        events.arena.extend_from_slice(time.to_string().as_bytes());
        let end = (bytes_len + events.arena.len()) as u32;
        let at = events.attribute_events.partition_point(|&it| it <= event);
        events.attribute_events.insert(at, event);
        events.attribute_keys.insert(at, key);
        events.attribute_starts.insert(at, start);
        events.attribute_ends.insert(at, end);
        events.attribute_json.insert(at, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const DAY: i64 = 86_400 * SECOND;
    const NOW: i64 = 20_000 * DAY;

    fn events(times: &[i64]) -> Events {
        Events { timestamps: times.to_vec(), ..Events::default() }
    }

    fn repaired(times: &[i64], clock: i64) -> (Vec<i64>, usize, i64) {
        let mut events = events(times);
        let after = repair(&mut events, 0, clock, NOW, NOW);
        (events.timestamps, events.attribute_events.len(), after)
    }

    #[test]
    fn a_line_without_a_time_gets_that_of_the_event_before_it_across_batches_too() {
        assert_eq!(
            repaired(&[NO_TIMESTAMP, NOW, NO_TIMESTAMP], NOW - SECOND),
            (vec![NOW - SECOND, NOW, NOW], 0, NOW)
        );
    }

    #[test]
    fn a_stream_without_any_time_gets_the_files() {
        assert_eq!(repaired(&[NO_TIMESTAMP], NO_TIMESTAMP), (vec![NOW], 0, NOW));
    }

    #[test]
    fn a_forged_record_of_1999_keeps_its_claim_as_a_field_and_gets_its_neighbours_time() {
        let forged = 10_000 * DAY;
        let mut batch = events(&[NOW - 2 * SECOND, forged, NOW - SECOND]);
        assert_eq!(repair(&mut batch, 0, NO_TIMESTAMP, NOW, NOW), NOW - SECOND);
        assert_eq!(batch.timestamps, [NOW - 2 * SECOND, NOW - 2 * SECOND, NOW - SECOND]);
        assert_eq!(batch.key_names, [CLAIMED]);
        assert_eq!(batch.attribute_events, [1]);
        assert_eq!(batch.arena, b"1997-05-19T00:00:00Z");
    }

    #[test]
    fn a_forged_record_alone_in_its_batch_is_recognised_by_the_clock() {
        assert_eq!(repaired(&[10_000 * DAY], NOW), (vec![NOW], 1, NOW));
    }

    #[test]
    fn a_record_from_beyond_the_files_own_time_is_not_believed() {
        assert_eq!(repaired(&[NOW + 2 * DAY], NOW), (vec![NOW], 1, NOW));
    }

    #[test]
    fn a_forged_first_record_is_outvoted_by_the_next_two() {
        assert_eq!(repaired(&[10_000 * DAY, NOW, NOW + 1], NO_TIMESTAMP).0, vec![NOW, NOW, NOW + 1]);
    }

    #[test]
    fn two_forged_records_do_not_outvote_a_genuine_one() {
        let forged = 10_000 * DAY;
        let times = [NOW - 3, forged, forged, NOW - 2];
        assert_eq!(repaired(&times, NO_TIMESTAMP).0, vec![NOW - 3, NOW - 3, NOW - 3, NOW - 2]);
        assert_eq!(repaired(&[forged, NOW], NO_TIMESTAMP).0, vec![NOW, NOW]);
        assert_eq!(repaired(&[forged, forged, NOW], NO_TIMESTAMP).0, vec![NOW; 3]);
    }

    #[test]
    fn a_stream_that_begins_in_the_future_comes_back_from_it() {
        let future = NOW + 1000 * DAY;
        assert_eq!(
            repaired(&[future, future + 1, NOW - 2, NOW - 1], NO_TIMESTAMP).0,
            vec![NOW - 2, NOW - 2, NOW - 2, NOW - 1]
        );
        // Alone in its batch, as in a live file, it gets the file's time; and so the next one is believed.
        assert_eq!(repaired(&[future], NO_TIMESTAMP), (vec![NOW], 1, NOW));
        // A clock that an older version kept may itself be wrong.
        assert_eq!(repaired(&[NOW], future), (vec![NOW], 0, NOW));
    }

    #[test]
    fn a_file_whose_own_time_was_set_back_keeps_the_times_in_it() {
        let mut batch = events(&[NOW - 2, NOW - 1]);
        assert_eq!(repair(&mut batch, 0, NO_TIMESTAMP, 0, NOW), NOW - 1);
        assert_eq!(batch.timestamps, [NOW - 2, NOW - 1]);
    }

    #[test]
    fn an_old_log_of_several_days_keeps_its_own_times() {
        let start = NOW - 900 * DAY;
        let times = [start, start + 1, start + 5 * DAY, start + 5 * DAY + 1];
        assert_eq!(repaired(&times, NO_TIMESTAMP).0, times);
    }

    #[test]
    fn a_task_that_was_deferred_for_a_week_keeps_its_times() {
        let times = [NOW - 7 * DAY, NOW - 7 * DAY + 1, NOW - 5, NOW];
        assert_eq!(repaired(&times, NO_TIMESTAMP), (times.to_vec(), 0, NOW));
    }

    #[test]
    fn a_step_forward_that_the_log_comes_back_from_is_not_believed() {
        let start = NOW - 7 * DAY;
        assert_eq!(repaired(&[start, NOW - DAY, start + 1], NO_TIMESTAMP).0, vec![start, start, start + 1]);
    }

    #[test]
    fn an_old_log_copied_today_keeps_its_own_times() {
        let times = [NOW - 900 * DAY, NOW - 900 * DAY + 1];
        assert_eq!(repaired(&times, NO_TIMESTAMP), (times.to_vec(), 0, times[1]));
    }
}
