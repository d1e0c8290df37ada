//! What bytes that are no UTF-8 might be besides Japanese.
//!
//! A text that reads well in two ways is shown in none: a wrong word is worse than none. Each of the others is known by
//! what its writers do and Japanese does not.

use encoding_rs::{BIG5, EUC_KR};

/// Whether it was meant as UTF-8: with a few bytes broken, or in spellings longer than it allows, which hide signs from
/// whoever reads it as anything else.
pub(super) fn is_broken_utf_8(file: &[u8]) -> bool {
    let (mut high, mut inside, mut long) = (0usize, 0usize, 0usize);
    let mut rest = file;
    while let Some((first, after)) = rest.split_first() {
        let length = sequence(rest).filter(|length| *length > 1);
        if *first >= 0x80 {
            let bytes = length.unwrap_or(1);
            high += bytes;
            inside += length.unwrap_or_default();
            long += length.filter(|length| *length > 2).unwrap_or_default();
        }
        rest = length.map_or(after, |length| rest.get(length..).unwrap_or_default());
    }
    // Of kana in Shift_JIS up to three bytes of four happen to look so.
    high > 0 && (inside == high || 5 * long >= 4 * high)
}

/// The sign of ASCII that a sequence spells in more bytes than one, and in how many.
pub(super) fn overlong(bytes: &[u8]) -> Option<(u8, usize)> {
    let length = sequence(bytes).filter(|length| *length > 1)?;
    let (last, before) = bytes.get(..length)?.split_last()?;
    let (next, before) = before.split_last()?;
    let zeros = match before {
        [] => true,
        [first, middle @ ..] => {
            let bits = 0x7F_u8.checked_shr(u32::try_from(length).ok()?).unwrap_or_default();
            first & bits == 0 && middle.iter().all(|byte| *byte == 0x80)
        }
    };
    // Six bits are in the last byte, the seventh in the one before.
    let seventh = if before.is_empty() { next & 0x1F } else { next & 0x3F };
    (zeros && seventh <= 1).then_some(((seventh << 6) | (last & 0x3F), length))
}

/// How long the sequence is that a first byte announces, if so many bytes follow that can only follow.
fn sequence(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.first()? {
        0..=0x7F => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        0xF8..=0xFB => 5,
        0xFC..=0xFD => 6,
        _ => return None,
    };
    let following = bytes.get(1..length)?;
    following.iter().all(|byte| (0x80..=0xBF).contains(byte)).then_some(length)
}

/// Whether every byte beyond ASCII stands where windows-1252 has a letter or a mark of Western writing. Its quotation
/// marks and dashes, which phones and word processors set by themselves, would be common kanji together with the letter
/// behind them.
pub(super) fn is_western(file: &[u8]) -> bool {
    let at = |place: usize| file.get(place).copied();
    let mut high = file.iter().enumerate().filter(|(_, byte)| **byte >= 0x80).peekable();
    high.peek().is_some()
        && high.all(|(place, byte)| {
            let before = place.checked_sub(1).and_then(at).unwrap_or(b' ');
            let after = [at(place + 1).unwrap_or(b' '), at(place + 2).unwrap_or(b' ')];
            fits_western(before, *byte, after)
        })
}

fn fits_western(before: u8, byte: u8, after: [u8; 2]) -> bool {
    let [next, second] = after;
    let is_mark = |byte: u8| matches!(byte, 0x85 | 0x91..=0x97 | 0xA0..=0xBF);
    let is_apart =
        |byte: u8| byte.is_ascii_whitespace() || byte.is_ascii_punctuation() || is_mark(byte);
    match byte {
        // An apostrophe: 's, 't, 'll and so on, behind a plural, or behind the article of French.
        0x92 => {
            let ending = match next.to_ascii_lowercase() {
                b's' | b't' | b'd' | b'm' => !second.is_ascii_alphabetic(),
                b'l' | b'r' | b'v' => matches!(second.to_ascii_lowercase(), b'l' | b'e'),
                b'a' | b'e' | b'i' | b'o' | b'u' | b'h' | 0xC0.. => true,
                next => is_apart(next),
            };
            ending && (before.is_ascii_alphanumeric() || is_western_letter(before))
        }
        0x91 | 0x93 => is_apart(before) && next.is_ascii_alphanumeric(),
        0x94 => !before.is_ascii_whitespace() && is_apart(next),
        0x96 | 0x97 => {
            is_apart(before) && is_apart(next)
                || before.is_ascii_alphanumeric() && next.is_ascii_alphanumeric()
        }
        0x85 => (before.is_ascii_alphanumeric() || is_apart(before)) && is_apart(next),
        0x80 | 0x95 | 0x99 | 0xA0..=0xBF => before < 0x80 && next < 0x80,
        // Ligatures and letters of Slavic names, inside a word.
        0x8A | 0x8C | 0x8E | 0x9A | 0x9C | 0x9E => next.is_ascii_lowercase(),
        0xC0..=0xFF => before.is_ascii_alphabetic() || next.is_ascii_alphabetic(),
        _ => false,
    }
}

const fn is_western_letter(byte: u8) -> bool {
    byte >= 0xC0
}

/// Whether a file can be taken for EUC-JP, in which it is this text: its neighbours Korean and Chinese use the same bytes
/// for other characters.
pub(super) fn is_euc_jp(file: &[u8], text: &str) -> bool {
    let pairs = pairs(file);
    let kana = pairs.iter().filter(|pair| is_kana(**pair)).count();
    let letters = pairs.iter().filter(|[row, _]| !matches!(row, 0 | 0xA1 | 0xA3)).count();
    // Chinese has none at all, or one for decoration; Japanese is full of them.
    let has_kana = kana > 0 && 8 * kana >= letters;
    let is_neighbour = || is_korean(file, &pairs) || is_big5(file, &pairs);
    // Of other languages' bytes hardly any comes out as one of so few among thousands.
    let common = text.chars().filter(|letter| COMMON.contains(*letter)).count();
    (has_kana && !is_neighbour()) || 2 * common > letters
}

/// The characters of two bytes of a text that is valid as EUC-JP; what stands between them is a pair of zeros.
fn pairs(file: &[u8]) -> Vec<[u8; 2]> {
    let mut pairs = Vec::new();
    let mut rest = file;
    while let Some(first) = rest.first() {
        let length = match (first, rest) {
            (0x8F, _) => 3,
            (0xA1.., [row, cell, ..]) => {
                pairs.push([*row, *cell]);
                2
            }
            (0x8E, _) => 2,
            _ => {
                if pairs.last() != Some(&[0, 0]) {
                    pairs.push([0, 0]);
                }
                1
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    pairs
}

const fn is_kana([row, _]: [u8; 2]) -> bool {
    matches!(row, 0xA4 | 0xA5)
}

/// Syllables, and no more of the single letters than people double for laughing and crying.
fn is_korean(file: &[u8], pairs: &[[u8; 2]]) -> bool {
    let Some(text) = EUC_KR.decode_without_bom_handling_and_without_replacement(file) else {
        return false;
    };
    let has_syllables = text.chars().any(|letter| matches!(letter, '\u{AC00}'..='\u{D7A3}'));
    let is_hanja =
        |letter: char| matches!(letter, '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}');
    let is_doubled = |(at, pair): (usize, &[u8; 2])| {
        let same = |place: Option<usize>| place.and_then(|place| pairs.get(place)) == Some(pair);
        !is_kana(*pair) || same(at.checked_sub(1)) || same(at.checked_add(1))
    };
    has_syllables && !text.contains(is_hanja) && pairs.iter().enumerate().all(is_doubled)
}

/// Common characters only, of which the commonest are where EUC-JP has kana, in an order that no Japanese has.
fn is_big5(file: &[u8], pairs: &[[u8; 2]]) -> bool {
    let is_common = pairs.iter().all(|[row, _]| matches!(row, 0 | 0xA1 | 0xA4..=0xC6));
    is_common
        && BIG5.decode_without_bom_handling_and_without_replacement(file).is_some()
        && (0..pairs.len()).any(|at| is_odd_kana(pairs, at))
}

/// Kana that hardly any word has, a small one that nothing goes before, or a single katakana among hiragana.
fn is_odd_kana(pairs: &[[u8; 2]], at: usize) -> bool {
    let pair = |place: Option<usize>| place.and_then(|place| pairs.get(place)).copied();
    let Some([row @ (0xA4 | 0xA5), cell]) = pair(Some(at)) else { return false };
    let before = pair(at.checked_sub(1)).unwrap_or_default();
    let after = pair(at.checked_add(1)).unwrap_or_default();
    let is_hiragana = |[row, _]: [u8; 2]| row == 0xA4;
    match row {
        // Small wa, old wi and we.
        0xA4 if matches!(cell, 0xEE | 0xF0 | 0xF1) => true,
        // Small a, i, u, e and o lengthen a syllable.
        0xA4 if matches!(cell, 0xA1 | 0xA3 | 0xA5 | 0xA7 | 0xA9) => !is_hiragana(before),
        // Small ya, yu and yo follow a syllable that ends in i.
        0xA4 if matches!(cell, 0xE3 | 0xE5 | 0xE7) => {
            !is_hiragana(before) || !before.get(1).is_some_and(|cell| ENDS_IN_I.contains(cell))
        }
        0xA4 => false,
        _ => is_hiragana(before) && is_hiragana(after),
    }
}

/// Kanji of letters to a doctor, of tables of values, and of names.
const COMMON: &str = "一二三四五六七八九十百千年月日時分秒週朝昼夕夜前後今昨明毎回度第体温血圧糖脈拍呼吸酸素飽和\
    身長重症状熱咳痰鼻水頭痛腹胸腰背肩首手足腕指膝目耳口歯喉皮膚発疹赤腫吐下痢便尿食事欲薬錠服用塗注射検査結果数値\
    基準高低正常異陽陰性平均上中右左内外科病院医師先生診察受付予約番号電話住所氏名男女歳才家族父母子供夫妻娘息\
    山田中川本村木林森井上小大島佐藤鈴高橋伊渡辺加吉野松竹清石原太郎花美子お様方同有無良悪強弱多少変化経過以降\
    最近入退通続開始終了継続確認連絡写真送信返希望希相談質問願";
/// The cells of ki, gi, shi, ji, chi, dji, ni, hi, bi, pi, mi and ri.
const ENDS_IN_I: [u8; 12] =
    [0xAD, 0xAE, 0xB7, 0xB8, 0xC1, 0xC2, 0xCB, 0xD2, 0xD3, 0xD4, 0xDF, 0xEA];

#[cfg(test)]
#[path = "likeness_tests.rs"]
mod tests;
