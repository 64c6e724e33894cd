//! Cuts lines from a file, from an offset on: whole ones, and the unfinished last one only when asked for.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A line longer than this is cut: its parts come as lines without their break.
pub const MAX_LINE: usize = 8 << 20;
/// Bytes of one character in UTF-8, at most.
pub const LONGEST_CHARACTER: usize = 4;
/// How many bytes are read at a time. What a batch leaves of the last of them is read again.
const READ: usize = 64 << 10;
/// What a batch takes that is not small: its bytes, and what is read in vain.
const USUAL: usize = 9 * READ;
/// So many pieces of memory are kept to be read into again, if each has no more bytes than this.
const SPARE: usize = 2;
const SPARE_BYTES: usize = 1 << 20;

/// How much to read at most; at least one line is read, however long (up to [`MAX_LINE`]).
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// Lines.
    pub lines: usize,
    /// Bytes.
    pub bytes: usize,
    /// Take the unfinished last line, too.
    pub unfinished: bool,
}

/// Lines as they stand in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// Where each ends.
    pub ends: Vec<u32>,
    /// Nothing but perhaps an unfinished line follows up to the size given.
    pub at_end: bool,
    /// An unfinished line is there that was not taken.
    pub left_unfinished: bool,
}

/// Memory that was read into before and is free again: the processor has it at hand, unlike what comes fresh.
#[derive(Debug, Default)]
pub struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    /// Some of it, for [`read`]: what is in there is of no use.
    pub fn take(&self) -> Vec<u8> {
        self.kept().pop().unwrap_or_default()
    }

    /// Keeps it for the next, if it is of the usual size and not too much. It is not cleared: then what is to be
    /// overwritten need not be filled before.
    pub fn keep(&self, bytes: Vec<u8>) {
        let mut kept = self.kept();
        if kept.len() < SPARE && (1..=SPARE_BYTES).contains(&bytes.capacity()) {
            kept.push(bytes);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads lines from `offset` into this memory, whatever is in there, looking at no byte from `size` on.
pub fn read(mut bytes: Vec<u8>, file: &File, offset: u64, size: u64, want: Want) -> std::io::Result<Lines> {
    let mut lines = Lines::default();
    let mut scanned = 0;
    let exhausted = loop {
        let left = size.saturating_sub(offset + scanned as u64);
        let chunk = left.min(READ as u64) as usize;
        let read = read_behind(file, &mut bytes, scanned, chunk, offset)?;
        // Shorter than we were told: it was cut meanwhile, and what is here is all there is.
        let exhausted = read < chunk || chunk as u64 == left;

        for at in memchr::memchr_iter(b'\n', &bytes[scanned..scanned + read]) {
            if lines.ends.len() == want.lines {
                break;
            }
            lines.ends.push((scanned + at + 1) as u32);
        }
        scanned += read;
        let first = lines.ends.first().map_or(scanned, |&end| end as usize);
        if exhausted || first > MAX_LINE || lines.are_enough(scanned, want) {
            break exhausted;
        }
    };
    // What is behind is of an earlier read.
    bytes.truncate(scanned);
    lines.bytes = bytes;
    if lines.ends.first().map_or(scanned, |&end| end as usize) > MAX_LINE {
        let end = character_start(&lines.bytes, MAX_LINE);
        lines.bytes.truncate(end);
        lines.ends = vec![end as u32];
    } else if lines.are_enough(scanned, want) {
        let whole = lines.whole();
        lines.at_end = exhausted && whole == scanned;
        lines.bytes.truncate(whole);
    } else {
        lines.at_end = true;
        finish(&mut lines, want.unfinished);
    }
    Ok(lines)
}

impl Lines {
    /// Where the last of them ends.
    fn whole(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    /// No more are wanted, so many bytes being read.
    fn are_enough(&self, read: usize, want: Want) -> bool {
        self.ends.len() >= want.lines || (!self.ends.is_empty() && read >= want.bytes)
    }
}

fn finish(lines: &mut Lines, take_unfinished: bool) {
    let whole = lines.whole();
    if whole == lines.bytes.len() {
        return;
    }
    if take_unfinished || lines.bytes.len() - whole > MAX_LINE {
        let end = character_start(&lines.bytes, whole + MAX_LINE);
        lines.at_end = end == lines.bytes.len();
        lines.bytes.truncate(end);
        lines.ends.push(end as u32);
    } else {
        lines.left_unfinished = true;
        lines.bytes.truncate(whole);
    }
}

/// The last place up to `end` where no character of UTF-8 would be cut; `end`, where the bytes around it are no UTF-8.
fn character_start(bytes: &[u8], end: usize) -> usize {
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    let start = (end.saturating_sub(LONGEST_CHARACTER - 1)..=end).rev().find(|&at| !is_inside(at));
    start.unwrap_or(end).min(bytes.len())
}

/// Behind the last line break in a part of a file; its beginning, if there is none.
pub fn end_of_last_line(file: &File, part: Range<u64>) -> std::io::Result<u64> {
    let mut end = part.end;
    let mut chunk = Vec::new();
    while end > part.start {
        let start = end.saturating_sub(READ as u64).max(part.start);
        chunk.resize((end - start) as usize, 0);
        let read = read_full(file, &mut chunk, start)?;
        if let Some(at) = memchr::memrchr(b'\n', &chunk[..read]) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(part.start)
}

/// Reads so many bytes behind the first `read`, which stand at `offset`, or up to the end of the file. How many were
/// read.
fn read_behind(
    file: &File,
    bytes: &mut Vec<u8>,
    read: usize,
    count: usize,
    offset: u64,
) -> std::io::Result<usize> {
    // As much as there will be, at once: not a step at a time. Of small files one has room for the next.
    if read == 0 && count > 0 {
        let usual = if count < READ { READ } else { USUAL };
        bytes.reserve_exact(usual.saturating_sub(bytes.len()));
    }
    if bytes.len() < read + count {
        bytes.resize(read + count, 0);
    }
    read_full(file, &mut bytes[read..read + count], offset + read as u64)
}

/// Fills the buffer or stops at the end of the file.
pub fn read_full(file: &File, mut buffer: &mut [u8], mut offset: u64) -> std::io::Result<usize> {
    let wanted = buffer.len();
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => break,
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(wanted - buffer.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    const ALL: Want = Want { lines: 1000, bytes: 1 << 20, unfinished: true };

    #[test]
    fn an_unfinished_line_is_left_until_it_is_asked_for() {
        let file = file(b"one\ntw");
        let lines = read(Vec::new(), &file, 0, 6, Want { unfinished: false, ..ALL }).unwrap();
        assert_eq!((lines.ends, lines.at_end, lines.left_unfinished), (vec![4], true, true));
        let lines = read(Vec::new(), &file, 0, 6, ALL).unwrap();
        assert_eq!((lines.ends, lines.at_end, lines.left_unfinished), (vec![4, 6], true, false));
    }

    #[test]
    fn a_line_of_the_longest_kind_is_whole_and_one_byte_more_is_cut() {
        let mut content = vec![b'x'; MAX_LINE - 1];
        content.push(b'\n');
        let size = content.len() as u64;
        let lines = read(Vec::new(), &file(&content), 0, size, Want { unfinished: false, ..ALL }).unwrap();
        assert_eq!(lines.ends, [MAX_LINE as u32]);
        content.insert(0, b'x');
        let open = file(&content);
        let lines = read(Vec::new(), &open, 0, size + 1, Want { unfinished: false, ..ALL }).unwrap();
        assert_eq!(lines.ends, [MAX_LINE as u32]);
        let rest = read(Vec::new(), &open, MAX_LINE as u64, size + 1, ALL).unwrap();
        assert_eq!(rest.bytes, b"\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        for (character, ahead) in [("🦀", 1), ("🦀", 2), ("🦀", 3), ("→", 1), ("→", 2), ("ß", 1), ("ß", 0)]
        {
            let mut content = vec![b'x'; MAX_LINE - ahead];
            content.extend_from_slice(character.as_bytes());
            for more in [0, 1, READ] {
                content.extend(vec![b'y'; more]);
                let open = file(&content);
                let lines = read(Vec::new(), &open, 0, content.len() as u64, ALL).unwrap();
                assert_eq!(lines.bytes.len(), MAX_LINE - ahead, "{character} {ahead} bytes ahead");
                assert_eq!(lines.ends, [(MAX_LINE - ahead) as u32]);
            }
        }
        let no_text = vec![0x80; MAX_LINE + 9];
        let lines = read(Vec::new(), &file(&no_text), 0, no_text.len() as u64, ALL).unwrap();
        assert_eq!(lines.bytes.len(), MAX_LINE);
    }

    #[test]
    fn a_file_that_was_cut_meanwhile_is_read_as_far_as_it_goes() {
        let lines = read(Vec::new(), &file(b"one\n"), 0, 1000, ALL).unwrap();
        assert_eq!((lines.bytes.as_slice(), lines.at_end), (&b"one\n"[..], true));
    }

    proptest! {
        #[test]
        fn lines_joined_are_the_file(
            content in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
            count in 1usize..5,
            bytes in 1usize..50,
            memory in 0usize..500,
        ) {
            let open = file(&content);
            let (mut offset, mut joined) = (0, Vec::new());
            loop {
                let want = Want { lines: count, bytes, unfinished: true };
                // Of an earlier read.
                let memory = vec![b'\n'; memory];
                let lines = read(memory, &open, offset, content.len() as u64, want).unwrap();
                prop_assert!(lines.ends.len() <= count);
                prop_assert!(!lines.left_unfinished);
                prop_assert_eq!(lines.ends.last().map_or(0, |&it| it as usize), lines.bytes.len());
                offset += lines.bytes.len() as u64;
                joined.extend_from_slice(&lines.bytes);
                prop_assert_eq!(lines.at_end, offset == content.len() as u64);
                if lines.at_end { break; }
            }
            prop_assert_eq!(joined, content);
        }
    }
}
