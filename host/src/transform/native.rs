//! What the host itself makes of lines when no component does: each line an event, as it stands.

use crate::event::{DEFAULT_LABEL, DROPPED, Events, NO_TIMESTAMP};

/// Each line an event; its message is the line without its break.
pub fn lines_as_they_stand(bytes: &[u8], ends: &[u32]) -> Events {
    let n = ends.len();
    let starts: Vec<u32> = std::iter::once(0).chain(ends.iter().copied()).take(n).collect();
    let message_ends = starts
        .iter()
        .zip(ends)
        .map(|(&start, &end)| {
            let line = &bytes[start as usize..end as usize];
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            start + line.strip_suffix(b"\r").unwrap_or(line).len() as u32
        })
        .collect();
    Events {
        timestamps: vec![NO_TIMESTAMP; n],
        severities: vec![0; n],
        source_ends: ends.to_vec(),
        raw_starts: starts.clone(),
        raw_ends: ends.to_vec(),
        message_starts: starts,
        message_ends,
        labels: vec![0; n],
        label_names: vec![DEFAULT_LABEL.to_owned()],
        ..Events::default()
    }
}

/// All events of a batch dropped; their bytes stay accounted for.
pub fn drop_all(events: &mut Events) {
    events.labels.fill(DROPPED);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_the_lines_is_in_one_event() {
        let events = lines_as_they_stand(b"a\r\n\nlast", &[3, 4, 8]);
        assert_eq!(events.raw_starts, [0, 3, 4]);
        assert_eq!(events.raw_ends, [3, 4, 8]);
        assert_eq!(events.message_ends, [1, 3, 8]);
    }
}
