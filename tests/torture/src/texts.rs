//! Where in what was written a text is that arrived: markers find the place, and then every byte must be the same.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::books::{Books, Generation, Id, markers};
use crate::verdict::Difference;

/// A generation as CloudWatch would hold it, were it one message: what is not UTF-8 replaced.
struct Text {
    whole: String,
    /// Where each piece begins in it, and one more for its end.
    starts: Vec<usize>,
    /// Where the marker of each piece begins.
    markers: Vec<usize>,
}

impl Text {
    fn of(generation: &Generation) -> Self {
        let mut this = Self { whole: String::new(), starts: Vec::new(), markers: Vec::new() };
        for number in 0..generation.pieces.len() {
            let start = this.whole.len();
            this.whole += &String::from_utf8_lossy(generation.piece(number));
            let marker = markers(&this.whole[start..]).next();
            this.markers.push(start + marker.expect("each piece has its marker").0);
            this.starts.push(start);
        }
        this.starts.push(this.whole.len());
        this
    }

    /// A piece without the line breaks at its end: those are not sent.
    fn piece(&self, number: usize) -> Range<usize> {
        let (start, end) = (self.starts[number], self.starts[number + 1]);
        start..start + self.whole[start..end].trim_end_matches(['\n', '\r']).len()
    }
}

/// Every generation's text.
pub struct Texts {
    all: BTreeMap<Id, Text>,
}

/// Where a message is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The generation.
    pub id: Id,
    /// Its pieces that are whole in it.
    pub pieces: Range<usize>,
}

impl Texts {
    /// All that was written.
    pub fn of(books: &Books) -> Self {
        Self { all: books.generations.iter().map(|(&id, it)| (id, Text::of(it))).collect() }
    }

    /// Where a message is from; none for a blank line, which carries nothing to know it by. `seen`: by which way it
    /// arrived, as `log stream x`.
    pub fn place(&self, message: &str, seen: &str) -> Result<Option<Place>, Difference> {
        let Some((at, id, piece)) = markers(message).next() else {
            if message.trim().is_empty() {
                return Ok(None);
            }
            return Err(Difference::new(
                "somebody's text",
                seen,
                format!("nobody wrote it: {:?}", excerpt(message, 0)),
            ));
        };
        let strange =
            |what: String| Difference::new("a line that nobody wrote so", seen, what).about(id, piece);
        let Some(text) = self.all.get(&id).filter(|text| piece < text.markers.len()) else {
            return Err(strange("no such marker was written".into()));
        };
        let start = text.markers[piece].checked_sub(at);
        let start =
            start.ok_or_else(|| strange(format!("more before its marker: {:?}", excerpt(message, 0))))?;
        let written = &text.whole.as_bytes()[start..];
        let same = written.iter().zip(message.as_bytes()).take_while(|(a, b)| a == b).count();
        if same < message.len() {
            let written = String::from_utf8_lossy(&written[..written.len().min(same + 60)]).into_owned();
            return Err(strange(format!(
                "differs at byte {same}: written {:?}, arrived {:?}",
                excerpt(&written, same),
                excerpt(message, same)
            )));
        }
        let end = start + message.len();
        // Blank lines before it belong to what stands before them.
        let start = end - text.whole[start..end].trim_start_matches(['\n', '\r']).len();
        let first = text.starts.partition_point(|&it| it < start);
        let whole = (first..text.markers.len()).take_while(|&it| text.piece(it).end <= end).count();
        if whole == 0 || text.starts[first] != start || text.piece(first + whole - 1).end > end {
            return Err(strange(format!("cut where nothing was cut: {:?}", excerpt(message, 0))));
        }
        // What is behind the last whole piece may be nothing but line breaks.
        let after = text.piece(first + whole - 1).end;
        if !text.whole[after..end].trim_matches(['\n', '\r']).is_empty() {
            return Err(strange(format!("ends within a piece: {:?}", excerpt(message, after - start))));
        }
        Ok(Some(Place { id, pieces: first..first + whole }))
    }
}

/// A few characters around a place.
pub fn excerpt(text: &str, at: usize) -> &str {
    let (from, to) = (at.saturating_sub(30).min(text.len()), (at + 60).min(text.len()));
    &text[text.floor_char_boundary(from)..text.floor_char_boundary(to)]
}
