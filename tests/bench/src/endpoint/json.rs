//! Just enough JSON to read a put as it comes, whoever wrote it; it costs wall time of whatever is measured.

/// Reads from the front.
pub struct Reader<'a> {
    pub body: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.body.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.body.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(format!("byte {} of a put should be {:?}", self.at, char::from(byte)))
    }

    /// Calls for each member, which must read its value.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            return self.expect(b'}');
        }
        loop {
            self.expect(b'"')?;
            let end = memchr::memchr(b'"', &self.body[self.at..]).ok_or("a key of a put has no end")?;
            let key = &self.body[self.at..self.at + end];
            self.at += end + 1;
            self.expect(b':')?;
            member(self, key)?;
            if self.peek() != Some(b',') {
                return self.expect(b'}');
            }
            self.at += 1;
        }
    }

    /// Calls for each element, which it must read.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            return self.expect(b']');
        }
        loop {
            element(self)?;
            if self.peek() != Some(b',') {
                return self.expect(b']');
            }
            self.at += 1;
        }
    }

    /// An integer.
    pub fn number(&mut self) -> Result<i64, String> {
        self.peek();
        let rest = &self.body[self.at..];
        let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'-')).unwrap_or(rest.len());
        self.at += end;
        let text = String::from_utf8_lossy(&rest[..end]);
        text.parse().map_err(|_| format!("a put has {text:?} for a number"))
    }

    /// A string, without its escapes.
    pub fn string(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        out.clear();
        self.expect(b'"')?;
        loop {
            let rest = &self.body[self.at..];
            let end = memchr::memchr2(b'"', b'\\', rest).ok_or("a string of a put has no end")?;
            out.extend_from_slice(&rest[..end]);
            self.at += end + 1;
            if rest[end] == b'"' {
                return Ok(());
            }
            self.escape(out)?;
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let escape = self.body.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        out.push(match escape {
            b'"' | b'\\' | b'/' => escape,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let unit = self.unit()?;
                let low = if (0xD800..0xDC00).contains(&unit) && self.body[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    self.unit()?
                } else {
                    0
                };
                let code = if low == 0 { unit } else { 0x10000 + ((unit - 0xD800) << 10) + (low & 0x3FF) };
                let character = char::from_u32(code).ok_or("a put has half a character")?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(format!("a put has the escape {:?}", char::from(escape))),
        });
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, String> {
        let digits = self.body.get(self.at..self.at + 4).unwrap_or_default();
        self.at += 4;
        let text = std::str::from_utf8(digits).unwrap_or_default();
        u32::from_str_radix(text, 16).map_err(|_| format!("a put has the escape \\u{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_read_as_serde_reads_it() {
        for text in ["", "plain", "a\"b\\c/\n\t\r\u{8}\u{c}\u{1b}", "ü✓🦀", "\\\\\"\"x"] {
            for json in [serde_json::to_string(text).unwrap(), ascii(text)] {
                let mut out = Vec::new();
                let mut reader = Reader { body: json.as_bytes(), at: 0 };
                reader.string(&mut out).unwrap();
                assert_eq!((String::from_utf8(out).unwrap().as_str(), reader.at), (text, json.len()));
            }
        }
    }

    /// All of it as escapes.
    fn ascii(text: &str) -> String {
        let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        format!("\"{}\"", units.concat())
    }
}
