//! The text of an event as it waits for its put: escaped already, as it will stand in the request's body, so that the body
//! is nothing but copies. Texts of one batch share pieces of memory.

use std::sync::Arc;

use super::encode::escape;

/// An event's text, in a JSON string. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Text {
    chunk: Arc<Vec<u8>>,
    start: u32,
    end: u32,
    len: u32,
}

impl Text {
    /// What stands between these places of a chunk; `len`: how long it is without the escapes.
    pub fn of(chunk: &Arc<Vec<u8>>, start: usize, end: usize, len: usize) -> Self {
        Self { chunk: chunk.clone(), start: start as u32, end: end as u32, len: len as u32 }
    }

    /// Bytes of the text itself: what services count.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// It says nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// As it stands in a JSON string, without the quotes.
    pub fn escaped(&self) -> &[u8] {
        &self.chunk[self.start as usize..self.end as usize]
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        let mut chunk = Vec::with_capacity(text.len() + text.len() / 8);
        escape::once(text.as_bytes(), &mut chunk);
        let end = chunk.len();
        Self::of(&Arc::new(chunk), 0, end, text.len())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        (self.len, self.escaped()) == (other.len, other.escaped())
    }
}

impl Eq for Text {}
