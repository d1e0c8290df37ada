//! The words of a PDF, one after another, without believing its table of objects.
//!
//! Streams are stepped over, strings and comments are read as such, so that a name is a name only where a reader would
//! take it for one. Every byte is looked at a bounded number of times.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

/// One word, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) what: What<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    Name {
        text: Cow<'a, [u8]>,
        /// Whether some of its characters were written as `#` and two digits without need.
        disguised: bool,
    },
    OpenDict,
    CloseDict,
    OpenArray,
    CloseArray,
    /// A literal or hexadecimal string, as written.
    Text(&'a [u8]),
    /// A number or keyword.
    Word(&'a [u8]),
}

/// Reads words until the bytes end.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A string without an end was met: from then on strings are believed up to a length only.
    torn: bool,
    /// Bytes that may still be read for strings without an end.
    patience: usize,
    /// The last word closed a dictionary: only then does a stream begin.
    closed: bool,
    /// Where streams were stepped over.
    pub(super) streams: Vec<Range<usize>>,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// From a place within the bytes.
    pub(super) const fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, torn: false, patience: PATIENCE, closed: false, streams: Vec::new() }
    }

    /// Where the next word is looked for.
    pub(super) const fn place(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes on to the next word.
    pub(super) fn skip_blank(&mut self) {
        loop {
            let blank = self.rest().iter().take_while(|byte| is_blank(**byte)).count();
            self.at += blank;
            if self.rest().first() != Some(&b'%') {
                return;
            }
            self.at += self.rest().iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
        }
    }

    fn name(&mut self) -> What<'a> {
        self.at += 1;
        let raw = self.regular();
        if !raw.contains(&b'#') {
            return What::Name { text: Cow::Borrowed(raw), disguised: false };
        }
        let (mut text, mut disguised, mut from) = (Vec::with_capacity(raw.len()), false, 0);
        while let Some(byte) = raw.get(from) {
            let escaped = match raw.get(from + 1..from + 3) {
                Some([high, low]) if *byte == b'#' => digit(*high).zip(digit(*low)),
                _ => None,
            };
            let (value, len) = escaped.map_or((*byte, 1), |(high, low)| ((high << 4) | low, 3));
            disguised |= escaped.is_some() && value.is_ascii_alphanumeric();
            text.push(value);
            from += len;
        }
        What::Name { text: Cow::Owned(text), disguised }
    }

    fn regular(&mut self) -> &'a [u8] {
        let len = self.rest().iter().take_while(|byte| is_regular(**byte)).count();
        let word = self.rest().get(..len).unwrap_or_default();
        self.at += len;
        word
    }

    /// A literal string. One without an end is one byte, not the rest of the file.
    fn literal(&mut self) -> What<'a> {
        let most = if self.torn { TORN_REACH.min(self.patience) } else { usize::MAX };
        let (mut depth, mut escaped) = (0_usize, false);
        for (index, byte) in self.rest().iter().enumerate().take(most) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' if depth == 1 => return self.text(index + 1),
                b')' => depth -= 1,
                _ => {}
            }
        }
        if self.torn {
            self.patience -= most.min(self.rest().len());
        }
        self.torn = true;
        self.text(1)
    }

    fn hexadecimal(&mut self) -> What<'a> {
        let written = |byte: &&u8| byte.is_ascii_hexdigit() || is_blank(**byte);
        let len = 1 + self.rest().iter().skip(1).take_while(written).count();
        self.text(len + usize::from(self.rest().get(len) == Some(&b'>')))
    }

    fn text(&mut self, len: usize) -> What<'a> {
        let text = self.rest().get(..len).unwrap_or_default();
        self.at += len;
        What::Text(text)
    }

    fn step_over_stream(&mut self) {
        let start = self.at;
        let len = memmem::find(self.rest(), b"endstream").unwrap_or(self.rest().len());
        self.at += len;
        self.streams.push(start..self.at);
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let at = self.at;
        let first = *self.rest().first()?;
        let double = self.rest().get(1) == Some(&first);
        let what = match first {
            b'/' => self.name(),
            b'(' => self.literal(),
            b'<' if double => self.mark(2, What::OpenDict),
            b'<' => self.hexadecimal(),
            b'>' if double => self.mark(2, What::CloseDict),
            b'[' => self.mark(1, What::OpenArray),
            b']' => self.mark(1, What::CloseArray),
            byte if is_regular(byte) => What::Word(self.regular()),
            _ => self.text(1),
        };
        if self.closed && what == What::Word(b"stream") {
            self.step_over_stream();
        }
        self.closed = what == What::CloseDict;
        Some(Token { at, what })
    }
}

impl<'a> Lexer<'a> {
    const fn mark(&mut self, len: usize, what: What<'a>) -> What<'a> {
        self.at += len;
        what
    }
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

pub(super) const fn is_regular(byte: u8) -> bool {
    !is_blank(byte)
        && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// How long a string may be, in bytes, once one without an end was met.
const TORN_REACH: usize = 4096;
/// Bytes of all strings without an end but the first. Once they are spent each bracket is a word, which hides nothing.
const PATIENCE: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u8]) -> Vec<(String, bool)> {
        let name = |token: Token<'_>| match token.what {
            What::Name { text, disguised } => {
                Some((String::from_utf8_lossy(&text).into_owned(), disguised))
            }
            _ => None,
        };
        Lexer::new(bytes).filter_map(name).collect()
    }

    #[test]
    fn names_are_found_only_where_names_stand() {
        let bytes = b"<</A(/B\\)/C)/D<2F45>>> % /F\nstream\n/H\nendstream [/I]";
        let found: Vec<String> = names(bytes).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["A", "D", "I"]);
    }

    #[test]
    fn a_stream_without_a_dictionary_hides_nothing() {
        assert_eq!(names(b"stream\n/A\nendstream /B").len(), 2);
    }

    #[test]
    fn an_escape_without_need_is_a_disguise() {
        let found = names(b"/J#61vaScript /A#20B /C#zz");
        let expected = [("JavaScript", true), ("A B", false), ("C#zz", false)];
        assert_eq!(found, expected.map(|(name, odd)| (name.to_owned(), odd)));
    }

    #[test]
    fn a_string_without_an_end_hides_nothing_behind_it() {
        assert_eq!(names(b"( /A /B").len(), 2);
        let many = [b"(".repeat(5_000_000).as_slice(), b"/A"].concat();
        assert_eq!(names(&many).len(), 1);
    }
}
