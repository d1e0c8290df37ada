//! What a scan tells beside its findings: what the rendition lacks, how the file is built, the bytes around a finding.
//!
//! All of it comes from code that read a hostile file or from the file itself, so each type is bounded and cleaned where it
//! is made, and holds nothing that a page could run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::finding::Code;

/// What is told of one file beside findings. Evidence that was written before it was kept has none.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What the rendition lacks, if one was or would be made. At most [`Removal::LIMIT`].
    pub removed: Vec<Removal>,
    /// How the file is built. At most [`Part::LIMIT`].
    pub parts: Vec<Part>,
    /// The rules that matched, in their authors' words. At most [`RuleWords::LIMIT`].
    pub rules: Vec<RuleWords>,
    /// The bytes around findings, for those who ask. At most [`Window::LIMIT`].
    pub windows: Vec<Window>,
}

/// Something of the source that its rendition does not have: a code with counts, never contents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Removal {
    pub code: Code,
    /// How many fields, segments, frames or pictures.
    pub count: u32,
    /// How many bytes of the source they take; 0 where the structure does not say.
    pub bytes: u64,
}

impl Removal {
    /// Most lines of one report.
    pub const LIMIT: usize = 32;

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let (code, count, bytes) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            code: Code::try_from(code.to_owned()).ok()?,
            count: count.parse().ok()?,
            bytes: bytes.parse().ok()?,
        })
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.count, self.bytes)
    }
}

/// A piece of a file's structure, or a row of pieces of the same name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    pub depth: u8,
    /// As the format names it: at most [`Part::NAME_LIMIT`] printable ASCII characters.
    pub name: String,
    pub offset: u64,
    pub length: u64,
    pub count: u32,
}

impl Part {
    pub const NAME_LIMIT: usize = 8;
    /// Most pieces kept of one file.
    pub const LIMIT: usize = 256;

    /// A piece whose name is cut and has everything unprintable replaced.
    pub fn new(depth: u8, untrusted_name: &str, (offset, length): (u64, u64), count: u32) -> Self {
        let name = printable(untrusted_name, Self::NAME_LIMIT);
        Self { depth, name, offset, length, count }
    }
}

/// What the author of a rule says about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleWords {
    pub rule: String,
    pub english: String,
    pub japanese: String,
}

impl RuleWords {
    pub const TEXT_LIMIT: usize = 300;
    /// Most rules described in one evidence.
    pub const LIMIT: usize = 64;

    /// Rules come from operators' folders too: cut, and without what is not writing.
    pub fn new(untrusted_rule: &str, untrusted_english: &str, untrusted_japanese: &str) -> Self {
        Self {
            rule: printable(untrusted_rule, super::finding::Finding::DETAIL_LIMIT),
            english: plain(untrusted_english),
            japanese: plain(untrusted_japanese),
        }
    }
}

/// Some bytes of the file around a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    /// The place that the finding names.
    pub about: u64,
    /// Where the bytes begin.
    pub offset: u64,
    /// At most [`Window::BYTES`] bytes, as lower-case hexadecimal digits.
    pub hex: String,
}

impl Window {
    /// Bytes in one window.
    pub const BYTES: usize = 96;
    /// How many of them lie before the place.
    pub const BEFORE: u64 = 32;
    /// Most windows of one file.
    pub const LIMIT: usize = 24;

    /// Lines of sixteen bytes: offset, digits in pairs, and what is printable of them.
    pub fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = hex::decode(&self.hex).unwrap_or_default();
        let bytes = bytes.get(..bytes.len().min(Self::BYTES)).unwrap_or_default();
        let line = |(index, bytes): (usize, &[u8])| {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let shown = |byte: &u8| match byte {
                0x20..=0x7E => char::from(*byte),
                _ => '.',
            };
            let text: String = bytes.iter().map(shown).collect();
            let offset = self.offset.saturating_add(index as u64 * 16);
            format!("{offset:08x}  {:<47}  {text}", digits.join(" "))
        };
        bytes.chunks(16).enumerate().map(line).collect()
    }
}

fn printable(untrusted: &str, limit: usize) -> String {
    let shown = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    untrusted.chars().take(limit).map(shown).collect()
}

/// Writing of any language, without controls and without what is invisible or turns the direction of reading.
fn plain(untrusted: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E0FFF}')
    };
    let limit = RuleWords::TEXT_LIMIT;
    untrusted.chars().take(limit).map(|c| if hidden(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_reads_back_and_nothing_else_does() {
        let removal = Removal { code: Code::fixed("gps"), count: 4, bytes: 64 };
        assert_eq!(Removal::parse(&removal.to_string()), Some(removal));
        for bad in ["", "gps", "gps 4", "GPS 4 64", "gps x 64", "gps 4 -1", "gps 4 64 1"] {
            assert_eq!(Removal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_from_outside_are_cut_and_plain() {
        let hostile = format!("\u{202E}\u{1b}[31m関{}", "x".repeat(500));
        let words = RuleWords::new(&hostile, &hostile, &hostile);
        assert!(words.rule.is_ascii());
        assert_eq!(words.japanese.chars().count(), RuleWords::TEXT_LIMIT);
        assert!(words.japanese.starts_with("  [31m関x"));
        assert_eq!(Part::new(0, "\u{1b}<script>", (0, 0), 1).name, "?<script");
    }

    #[test]
    fn a_window_shows_sixteen_bytes_a_line_and_nothing_unprintable() {
        let window =
            Window { about: 16, offset: 16, hex: hex::encode(b"MZ\x90\0<script>alert(1)") };
        let wanted = [
            "00000010  4d 5a 90 00 3c 73 63 72 69 70 74 3e 61 6c 65 72  MZ..<script>aler",
            "00000020  74 28 31 29                                      t(1)",
        ];
        assert_eq!(window.lines(), wanted);
        let odd = Window { hex: "zz".to_owned(), ..window.clone() };
        assert!(odd.lines().is_empty());
        let long = Window { hex: "00".repeat(5000), ..window };
        assert_eq!(long.lines().len(), 6);
    }
}
