//! Text made inert: what a reader cannot see is spelled out, and what would act is put between brackets.

use std::fmt::Write;

use sekisho_protocol::{DecodeLimits, DecodeReport, FindingCode};

use crate::look::text::acting_characters;
use crate::look::text::characters::{Class, classified};
use crate::look::text::encoding;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    output: &mut [u8],
) -> Result<DecodeReport, FindingCode> {
    let decoded = encoding::decode(file).ok_or(FindingCode::NotUtf8)?;
    let text = decoded.text.as_ref();
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
    let mut acting = acting_characters(&unix).into_iter().peekable();
    for (offset, character, class) in classified(&unix) {
        let acts = acting.next_if_eq(&offset).is_some();
        match (character, class) {
            (_, Class::Visible) if acts && !character.is_whitespace() => {
                out.extend(['⟦', character, '⟧']);
            }
            ('\t', _) => out.push_str("    "),
            ('\u{B}' | '\u{C}' | '\u{2028}' | '\u{2029}', _) => out.push('\n'),
            (_, Class::Visible) => out.push(character),
            (_, Class::Control | Class::Escape | Class::Bidi | Class::Invisible) => {
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
    fn what_would_act_is_set_apart() {
        for (text, shown) in [
            ("see javascript:alert(1)", "see javascript⟦:⟧alert(1)"),
            ("java\nscript:alert(1)", "java\nscript⟦:⟧alert(1)"),
            ("<script>x</script>", "⟦<⟧script>x⟦<⟧/script>"),
            ("=cmd|' /C calc'!A0", "⟦=⟧cmd|' /C calc'!A0"),
            ("https://g\u{043E}\u{043E}gle.com/", "https⟦:⟧//g⟦\u{043E}⟧⟦\u{043E}⟧gle.com/"),
            ("${jndi:ldap://x.example/a}", "⟦$⟧{jndi:ldap⟦:⟧//x.example/a}"),
        ] {
            assert_eq!(decode_text(text.as_bytes(), 100).unwrap(), shown);
        }
    }

    #[test]
    fn links_to_pages_and_ordinary_signs_stay_as_they_are() {
        let text = "熱は -3 度、+81 90 1234 5678、@山田先生 https://www.example.jp/a?b=c&d=1#e";
        assert_eq!(decode_text(text.as_bytes(), 100).unwrap(), text);
    }

    #[test]
    fn japanese_encodings_come_out_as_unicode() {
        assert_eq!(decode_text(b"\x94\xad\x90\x5d\x82\xaa", 100).unwrap(), "発疹が");
        assert_eq!(decode_text(b"\xFF\xFE\x4B\x30", 100).unwrap(), "か");
        assert_eq!(decode_text(b"\xFF\xFE\x4B\x30\x4B\x30", 1), Err(FindingCode::TextLimit));
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
