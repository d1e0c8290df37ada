//! Text made inert: what a reader cannot see, or what would act, is spelled out.

use std::fmt::Write;

use sekisho_protocol::{DecodeLimits, DecodeReport, FindingCode};

use crate::look::text::{Class, classified};

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    output: &mut [u8],
) -> Result<DecodeReport, FindingCode> {
    let text = std::str::from_utf8(file).map_err(|_| FindingCode::NotUtf8)?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if text.chars().count() > limits.max_text_chars as usize {
        return Err(FindingCode::TextLimit);
    }
    let inert = inert(text);
    let room = output.get_mut(..inert.len()).ok_or(FindingCode::TextLimit)?;
    room.copy_from_slice(inert.as_bytes());
    Ok(DecodeReport::Text { bytes: inert.len() as u64 })
}

fn inert(text: &str) -> String {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(unix.len());
    for (_, character, class) in classified(&unix) {
        match (character, class) {
            ('\t', _) => out.push_str("    "),
            ('\u{2028}' | '\u{2029}', _) => out.push('\n'),
            (_, Class::Visible) => out.push(character),
            (_, Class::Control | Class::Bidi | Class::Invisible) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "⟦U+{:04X}⟧", u32::from(character));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_text(text: &[u8], max_text_chars: u32) -> Result<String, FindingCode> {
        let limits = DecodeLimits { max_text_chars, ..DecodeLimits::default() };
        let mut output = vec![0; max_text_chars as usize * 16];
        match decode(text, &limits, &mut output)? {
            DecodeReport::Text { bytes } => {
                output.truncate(usize::try_from(bytes).unwrap());
                Ok(String::from_utf8(output).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hidden_characters_are_spelled_out() {
        let shown = decode_text("a\u{202E}b\u{200B}c\x1B[31m\0".as_bytes(), 100).unwrap();
        assert_eq!(shown, "a⟦U+202E⟧b⟦U+200B⟧c⟦U+001B⟧[31m⟦U+0000⟧");
    }

    #[test]
    fn honest_japanese_and_emoji_stay_as_they_are() {
        let message = "湿疹が出ました。葛\u{E0100}城 👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}";
        assert_eq!(decode_text(message.as_bytes(), 100).unwrap(), message);
    }

    #[test]
    fn line_ends_are_one_kind() {
        assert_eq!(decode_text(b"\xEF\xBB\xBFa\r\nb\rc\n\td", 100).unwrap(), "a\nb\nc\n    d");
    }

    #[test]
    fn the_limit_is_in_characters() {
        assert!(decode_text("関所関".as_bytes(), 3).is_ok());
        assert_eq!(decode_text("関所関所".as_bytes(), 3), Err(FindingCode::TextLimit));
        assert_eq!(decode_text(b"\xFF", 3), Err(FindingCode::NotUtf8));
    }

    #[test]
    fn the_worst_text_fits_its_output() {
        let worst = "\u{E0FFF}".repeat(50);
        assert!(decode_text(worst.as_bytes(), 50).is_ok());
    }
}
