//! Whether a fax within a document has every row of its picture.
//!
//! The renderer starts from white paper, keeps the rows that it could decode, and leaves damaged ones white. Here they are
//! decoded once more, strictly, and counted. Rows may be left out at the end only behind the code that ends a fax: what it
//! leaves out is white. What stands behind the last row is nobody's concern, as many a machine fills it up.

use hayro::hayro_syntax::object::Dict;
use hayro_ccitt::{DecodeSettings, Decoder, DecoderContext, EncodingMode};

/// `parameters` say how it is coded; `height` is the picture's own, 0 if it says none.
pub(super) fn is_whole(codes: &[u8], parameters: &Dict<'_>, height: u64) -> bool {
    let Some(settings) = settings(parameters, height) else { return false };
    let is_marked = settings.encoding == EncodingMode::Group3_2D;
    let wanted = settings.rows;
    let mut rows = Rows(0);
    let end = hayro_ccitt::decode(codes, &mut rows, &mut DecoderContext::new(settings));
    if wanted > 0 && rows.0 == wanted {
        return true;
    }
    // Damage may look like the code, and what is behind it would come out white.
    end.is_ok_and(|end| {
        let (taken, left) = codes.split_at_checked(end).unwrap_or((codes, &[]));
        has_end_code(taken, is_marked)
            && left.iter().filter(|byte| **byte != 0).count() <= MOST_BEHIND
    })
}

/// As the renderer reads them. `None` if no row has a pixel.
fn settings(parameters: &Dict<'_>, height: u64) -> Option<DecodeSettings> {
    let flag = |key: &[u8]| parameters.get::<bool>(key);
    let rows = if height > 0 {
        u32::try_from(height).ok()?
    } else {
        parameters.get::<u32>(b"Rows").unwrap_or(0)
    };
    let columns = parameters.get::<usize>(b"Columns").map_or(Some(COLUMNS), |columns| {
        u32::try_from(columns).ok().filter(|columns| *columns > 0)
    })?;
    Some(DecodeSettings {
        columns,
        rows,
        end_of_block: flag(b"EndOfBlock").unwrap_or(true),
        end_of_line: flag(b"EndOfLine").unwrap_or(false),
        rows_are_byte_aligned: flag(b"EncodedByteAlign").unwrap_or(false),
        encoding: match parameters.get::<i32>(b"K").unwrap_or(0) {
            ..0 => EncodingMode::Group4,
            0 => EncodingMode::Group3_1D,
            1.. => EncodingMode::Group3_2D,
        },
        strict: true,
    })
}

struct Rows(u32);

impl Decoder for Rows {
    fn push_row(&mut self, _: &[u32]) {
        self.0 = self.0.saturating_add(1);
    }
}

/// Whether codes end as the standards have it: with several codes of a line's end. Each `is_marked` with how the next line
/// is coded where that may change.
fn has_end_code(codes: &[u8], is_marked: bool) -> bool {
    let filled = codes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let last = codes.get(filled.saturating_sub(8)..filled).unwrap_or_default();
    let mut word = last.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    (0..2).all(|_| {
        word = word.checked_shr(word.trailing_zeros()).unwrap_or(0);
        if is_marked {
            word >>= 1;
        }
        let is_one = word & 1 == 1;
        word >>= 1;
        is_one && word.trailing_zeros() >= 11
    })
}

/// Pixels in a row of a fax that does not say.
pub(super) const COLUMNS: u32 = 1728;
/// Bytes, beside zeros, that writers leave behind the code that ends a fax.
const MOST_BEHIND: usize = 4;

#[cfg(test)]
mod tests {
    use hayro::hayro_syntax::object::FromBytes as _;

    use super::*;

    /// Bits from ones and zeros, filled up to whole bytes.
    fn packed(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
        let byte =
            |bits: &[u8]| bits.iter().fold(0_u8, |byte, bit| byte << 1 | bit) << (8 - bits.len());
        bits.chunks(8).map(byte).collect()
    }

    fn is_whole_fax(parameters: &str, bits: &str, height: u64) -> bool {
        let parameters = format!("<</Columns 8 {parameters}>>");
        is_whole(&packed(bits), &Dict::from_bytes(parameters.as_bytes()).unwrap(), height)
    }

    /// Four white pixels, four black ones.
    const LINE: &str = "1011 011";
    const EOL: &str = "000000000001";

    #[test]
    fn every_way_to_code_rows_is_whole_with_all_of_them_and_not_with_one_less() {
        let group_4 = format!("001 {LINE} 1 1");
        let aligned = format!("{LINE}0").repeat(2);
        let lines = format!("{EOL}{LINE}").repeat(2);
        let marked = format!("{EOL}1{LINE}{EOL}0 1 1");
        for (parameters, bits) in [
            ("/K -1", group_4.as_str()),
            ("/K -1/EndOfBlock false", &group_4),
            ("/K -1/Rows 7/BlackIs1 true", &group_4),
            ("/K 0", &LINE.repeat(2)),
            ("/K 0/EncodedByteAlign true", &aligned),
            ("/K 0/EndOfLine true", &lines),
            ("/K 0/DamagedRowsBeforeError 9", &lines),
            ("/K 4", &marked),
            ("", &lines),
        ] {
            assert!(is_whole_fax(parameters, bits, 2), "{parameters}");
            assert!(!is_whole_fax(parameters, bits, 4), "{parameters}");
            // What a machine fills up with.
            assert!(is_whole_fax(parameters, &format!("{bits}{}", "01100110".repeat(9)), 2));
        }
    }

    #[test]
    fn nothing_is_no_white_page() {
        for parameters in ["/K -1", "/K 0", "/K 4", "/K -1/Rows 3", "/K 0/Rows 3"] {
            assert!(!is_whole_fax(parameters, "", 3), "{parameters}");
            assert!(!is_whole_fax(parameters, "", 0), "{parameters}");
        }
    }

    #[test]
    fn a_fax_ends_early_only_behind_its_end_code() {
        let ended =
            |begin: &str, eols: usize, behind: &str| format!("{begin}{}{behind}", EOL.repeat(eols));
        let group_4 = format!("001 {LINE}");
        assert!(is_whole_fax("/K -1", &ended(&group_4, 2, ""), 9));
        assert!(is_whole_fax("/K -1", &ended(&group_4, 2, ""), 0));
        assert!(is_whole_fax("/K -1", &ended(&group_4, 2, "00000000 00001010"), 9));
        assert!(!is_whole_fax("/K -1", &ended(&group_4, 1, ""), 9));
        assert!(!is_whole_fax("/K -1", &ended(&group_4, 2, &"11".repeat(99)), 9));
        assert!(!is_whole_fax("/K -1/EndOfBlock false", &ended(&group_4, 2, ""), 9));
        assert!(is_whole_fax("/K 0", &ended(LINE, 6, ""), 9));
        assert!(!is_whole_fax("/K 0", &ended(LINE, 1, ""), 9));
        let marked = format!("{EOL}1{LINE}{}", format!("{EOL}1").repeat(6));
        assert!(is_whole_fax("/K 4", &marked, 9));
    }

    #[test]
    fn a_damaged_line_is_no_white_line() {
        let lines = format!("{EOL}{LINE}{EOL} 0000 0001 1 {EOL}{LINE}");
        assert!(!is_whole_fax("/K 0/EndOfLine true", &lines, 3));
        assert!(!is_whole_fax("/K 0/DamagedRowsBeforeError 1", &lines, 3));
    }
}
