//! An event that is larger than one text may be, in several: no byte of it is lost.

use std::borrow::Cow;
use std::io::Write;

use sha2::{Digest, Sha256};

use super::json::Sorted;
use super::{escape, text_of};
use crate::event::EventRef;

/// In a split event, only values up to this many bytes are repeated in each part; larger ones go below `fields`.
const MAX_REPEATED: usize = 1024;
/// Less room than this for the content of a part, in bytes, and the object around it isn't worth its place.
pub const MIN_ROOM: usize = 64;
/// The end of each part, with numbers of up to ten digits.
const TRAILER: usize = r#","part":,"parts":,"part_id":""}"#.len() + 2 * 10 + PART_ID_BYTES * 2;
const PART_ID_BYTES: usize = 8;
const MESSAGE_QUOTES: usize = "\"\"".len();
const EXCEPTION_KEY: &str = ",\"exception\":";
const FIELDS_KEY: &str = ",\"fields\":";
const FIELDS_PART_KEY: &str = ",\"fields_part\":";

/// What one part carries of the whole.
#[derive(Default)]
struct Part<'a> {
    message: &'a str,
    exception: &'a str,
    fields: &'a str,
    fields_piece: &'a str,
}

/// Cuts between characters. Every piece has at most `max_bytes`, which is 4 or more.
pub fn text(mut text: &str, max_bytes: usize, emit: &mut impl FnMut(String)) {
    while !text.is_empty() {
        let cut = match text.floor_char_boundary(max_bytes) {
            0 => text.ceil_char_boundary(1),
            cut => cut,
        };
        let (piece, rest) = text.split_at(cut);
        emit(piece.to_owned());
        text = rest;
    }
}

/// Objects of at most `max_bytes` that together say what `whole`, the event as one object, does. The exception and
/// the fields are in the first part if they fit, else in pieces after the end of the message.
pub fn json(event: EventRef<'_>, whole: &str, max_bytes: usize, mut emit: impl FnMut(String)) {
    let sorted = Sorted::new(event, MAX_REPEATED);
    let (mut head, mut context) = (Vec::new(), Vec::new());
    sorted.write_head(&mut head);
    sorted.write_context(&mut context);
    let room = max_bytes.saturating_sub(head.len() + MESSAGE_QUOTES + context.len() + TRAILER);
    if room < MIN_ROOM {
        return text(whole, max_bytes, &mut emit);
    }

    let message = String::from_utf8_lossy(event.message());
    let exception = sorted.exception().map(text_of).unwrap_or_default();
    let exception = String::from_utf8_lossy(&exception);
    let mut fields = Vec::new();
    if sorted.has_fields() {
        sorted.write_fields(&mut fields);
    }
    let fields: Cow<'_, str> = String::from_utf8_lossy(&fields);

    let parts = plan(&message, &exception, &fields, room);
    let id = part_id(event, whole);
    for (at, part) in parts.iter().enumerate() {
        let mut out = Vec::with_capacity(max_bytes);
        out.extend_from_slice(&head);
        write_member("", part.message, &mut out);
        out.extend_from_slice(&context);
        if !part.exception.is_empty() {
            write_member(EXCEPTION_KEY, part.exception, &mut out);
        }
        if !part.fields.is_empty() {
            out.extend_from_slice(FIELDS_KEY.as_bytes());
            out.extend_from_slice(part.fields.as_bytes());
        }
        if !part.fields_piece.is_empty() {
            write_member(FIELDS_PART_KEY, part.fields_piece, &mut out);
        }
        // Writing to memory does not fail.
        drop(write!(out, ",\"part\":{},\"parts\":{},\"part_id\":\"{id}\"}}", at + 1, parts.len()));
        emit(super::lossy(out));
    }
}

/// What goes into which part; each has `room` bytes for its content, `message`'s quotes not counted.
fn plan<'a>(mut message: &'a str, mut exception: &'a str, fields: &'a str, room: usize) -> Vec<Part<'a>> {
    let mut part = Part::default();
    let mut left = room;
    let mut fields_rest = fields;
    if FIELDS_KEY.len() + fields.len() <= left {
        left -= FIELDS_KEY.len() + fields.len();
        (part.fields, fields_rest) = (fields, "");
    }
    let whole_exception = cost(EXCEPTION_KEY, exception);
    if !exception.is_empty() && whole_exception <= left {
        left -= whole_exception;
        (part.exception, exception) = (exception, "");
    }
    let mut parts = Vec::new();
    loop {
        part.message = take(&mut message, "", &mut left);
        if message.is_empty() && !exception.is_empty() {
            part.exception = take(&mut exception, EXCEPTION_KEY, &mut left);
        }
        if message.is_empty() && exception.is_empty() && !fields_rest.is_empty() {
            part.fields_piece = take(&mut fields_rest, FIELDS_PART_KEY, &mut left);
        }
        parts.push(std::mem::take(&mut part));
        if message.is_empty() && exception.is_empty() && fields_rest.is_empty() {
            return parts;
        }
        left = room;
    }
}

/// What a member counts: key, and where it has one of its own, the quotes around its value.
fn cost(key: &str, value: &str) -> usize {
    key.len() + MESSAGE_QUOTES + value.bytes().map(escape::len).sum::<usize>()
}

/// As many characters from the beginning of `text` as there is room left for, once escaped.
pub fn take<'a>(text: &mut &'a str, key: &str, left: &mut usize) -> &'a str {
    let around = if key.is_empty() { 0 } else { cost(key, "") };
    let mut room = left.saturating_sub(around);
    let mut cut = 0;
    for character in text.chars() {
        let bytes = character.len_utf8();
        let needed = if bytes == 1 { escape::len(character as u8) } else { bytes };
        if needed > room {
            break;
        }
        room -= needed;
        cut += bytes;
    }
    if cut > 0 {
        *left = room;
    }
    let (piece, rest) = text.split_at(cut);
    *text = rest;
    piece
}

fn write_member(key: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    out.push(b'"');
    escape::once(text.as_bytes(), out);
    out.push(b'"');
}

/// The same for all parts of one event, also when they are sent again; different for any other.
fn part_id(event: EventRef<'_>, whole: &str) -> String {
    let origin = event.origin();
    let mut hash = Sha256::new();
    for text in [&origin.host, &origin.path] {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.update(event.source().start.to_le_bytes());
    hash.update(whole);
    let digest: [u8; 32] = hash.finalize().into();
    hex::encode(&digest[..PART_ID_BYTES])
}
