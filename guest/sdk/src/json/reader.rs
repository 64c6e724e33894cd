//! The same pass for those who know what they look for: down into what is nested, without reading it anew at each level.

use super::{Json, MAX_DEPTH, Name, scan::Scanner};

/// Goes through a value once, from its beginning to its end, and down into what it holds where it is told to.
///
/// ```
/// use updraft_guest::json::{Json, Reader};
///
/// let json = Json::parse(br#"{"rows": [{"id": 1}, {"id": 2, "x": [3]}]}"#).unwrap();
/// let mut ids = Vec::new();
/// Reader::new(json).members(|_rows, reader| {
///     reader.elements(|reader| {
///         reader.members(|name, reader| {
///             if name.json.plain() == Some(b"id") {
///                 ids.extend(reader.value().map(Json::bytes));
///             }
///         });
///     });
/// });
/// assert_eq!(ids, [b"1", b"2"]);
/// ```
#[derive(Debug)]
pub struct Reader<'a>(Scanner<'a>);

impl<'a> Reader<'a> {
    /// At the beginning of a value.
    pub fn new(json: Json<'a>) -> Self {
        Self(Scanner::new(json.text))
    }

    /// The value that comes next, as a whole. None: it has been read.
    pub fn value(&mut self) -> Option<Json<'a>> {
        let mut scanner = self.0;
        let value = scanner.value(MAX_DEPTH)?;
        self.0 = scanner;
        Some(value)
    }

    /// Calls `each` before every element of the array that comes next. What it does not read is skipped. None: no array
    /// comes next, and nothing was read.
    pub fn elements(&mut self, mut each: impl FnMut(&mut Self)) -> Option<()> {
        if !self.begins(b'[') {
            return None;
        }
        self.0.elements_at(|scanner| {
            *scanner = Self(*scanner).read(&mut each);
            Some(())
        })
    }

    /// Calls `each` before the value of every member of the object that comes next (duplicates included). What it does
    /// not read is skipped. None: no object comes next, and nothing was read.
    pub fn members(&mut self, mut each: impl FnMut(Name<'a>, &mut Self)) -> Option<()> {
        if !self.begins(b'{') {
            return None;
        }
        self.0.members_at(|name, scanner| {
            *scanner = Self(*scanner).read(|reader| each(name, reader));
            Some(())
        })
    }

    /// Reads a value with `each`, or skips it.
    #[inline]
    fn read(mut self, each: impl FnOnce(&mut Self)) -> Scanner<'a> {
        // The space before it is no part of what was read or not.
        self.0.skip_space();
        let value = self.0.rest().len();
        each(&mut self);
        if self.0.rest().len() == value {
            let _ = self.value();
        }
        self.0
    }

    fn begins(&mut self, with: u8) -> bool {
        self.0.skip_space();
        self.0.rest().first() == Some(&with)
    }
}
