//! Kana of half the width, a byte each in `Shift_JIS`.
//!
//! Cyrillic, Greek and Thai are written with the same bytes, Chinese and Korean with pairs of them. Kana are known by their
//! spelling: marks of voicing stand behind few letters, and small letters, the long sound and the syllabic n behind others.

/// What each narrow kana of a text says of whether it is Japanese: less than nothing where one stands as in no Japanese
/// word or nothing shows that they are kana, something where hardly anything else can look so.
pub(super) fn worth(text: &str) -> i64 {
    let mut kana = Kana::default();
    let mut before = '\n';
    for character in text.chars() {
        if !kana.goes_on(before, character) {
            return -1;
        }
        before = character;
    }
    if kana.voiced == 0 || kana.early == 0 {
        return -1;
    }
    i64::from(kana.is_sure() && !is_of_pairs(text))
}

#[derive(Default)]
struct Kana {
    letters: usize,
    /// Of the first three rows, a to so, whose bytes are no letters of Cyrillic or Greek, but for one of Ukrainian.
    early: usize,
    voiced: usize,
    open: usize,
}

impl Kana {
    fn goes_on(&mut self, before: char, character: char) -> bool {
        self.letters += usize::from(matches!(character, 'ｦ'..='ﾝ'));
        self.early += usize::from(matches!(character, 'ｱ' | 'ｳ'..='ｿ'));
        let is_kana = matches!(before, 'ｦ'..='ﾟ');
        match character {
            '｢' => {
                self.open += 1;
                true
            }
            '｣' => {
                let opened = self.open.checked_sub(1);
                self.open = opened.unwrap_or_default();
                opened.is_some()
            }
            '･' if before == '\n' => true,
            '｡' | '､' | '･' => !before.is_whitespace() && before != '｢',
            'ﾞ' => {
                self.voiced += 1;
                before == 'ｳ' || is_voiced(before)
            }
            'ﾟ' => {
                self.voiced += 1;
                matches!(before, 'ﾊ'..='ﾎ')
            }
            'ｧ'..='ｫ' => "ﾌﾞﾃﾄﾁｼｸﾂｱｲｳｴｵｶﾅﾈﾊﾏﾔﾗ".contains(before),
            'ｬ'..='ｮ' => "ｷｼﾁﾆﾋﾐﾘﾞﾟﾃﾌ".contains(before),
            // Of a number.
            'ｰ' if before.is_ascii_digit() => true,
            'ｯ' | 'ｰ' | 'ﾝ' => is_kana && !matches!(before, 'ｯ' | 'ﾝ'),
            'ｦ' | 'ｱ'..='ﾜ' => before != 'ｯ' || is_voiced(character),
            _ => true,
        }
    }

    const fn is_sure(&self) -> bool {
        self.open == 0
            && self.letters >= FEWEST
            && self.voiced * 16 >= self.letters
            && self.early * 10 >= self.letters
    }
}

/// Whether Korean syllables or common Chinese characters could be the same bytes, from the first to the last: each run of
/// kana is pairs that begin as they do.
fn is_of_pairs(text: &str) -> bool {
    let is_kana = |character: &char| matches!(character, '｡'..='ﾟ');
    text.split(|character| !is_kana(&character)).all(|run| {
        let letters: Vec<char> = run.chars().collect();
        let mut pairs = letters.chunks(2);
        pairs.all(|pair| matches!(pair, ['｡' | '､' | 'ｰ'..='ﾗ', _]))
    })
}

/// Whether a syllable has a voiced sister, which are those that can be doubled, too.
const fn is_voiced(letter: char) -> bool {
    matches!(letter, 'ｶ'..='ﾄ' | 'ﾊ'..='ﾎ')
}

/// A family name and a given name, or two words.
const FEWEST: usize = 6;

#[cfg(test)]
mod tests {
    use encoding_rs::{
        BIG5, EUC_KR, GBK, ISO_8859_7, KOI8_R, SHIFT_JIS, WINDOWS_874, WINDOWS_1251,
    };

    use super::super::encoding::decode;
    use super::*;

    #[test]
    fn narrow_kana_are_read_alone_and_beside_others() {
        for text in [
            "ｷﾉｳｶﾗ ﾈﾂｶﾞ ｱﾘﾏｽ｡ ﾉﾄﾞﾓ ｲﾀｲﾃﾞｽ｡",
            "ﾋﾀﾞﾘｳﾃﾞﾆ ﾎｯｼﾝｶﾞ ﾃﾞﾏｼﾀ､ｶﾕｲﾃﾞｽ｡\r\nﾔﾏﾀﾞ ﾊﾅｺ",
            "ﾔﾏﾀﾞ ﾀﾛｳ",
            "ﾜﾀﾅﾍﾞ ﾊﾅｺ",
            "･ｱﾑﾛｼﾞﾋﾟﾝ 5mg\n･ﾛｷｿﾆﾝ 60mg",
            "03ｰ0000ｰ0000 ﾔﾏﾀﾞ ﾀﾛｳ",
            "氏名：ﾔﾏﾀﾞ ﾀﾛｳ\r\n生年月日：1980/01/02\r\n症状：発疹\r\n",
            "ﾛｷｿﾆﾝ 60mg 1日3回\r\nﾑｺｽﾀ 100mg 1日3回\r\nﾒｼﾞｺﾝ 15mg\r\n",
            "ｱﾚﾙｷﾞｰ｢ｻﾊﾞ｣･｢ｶﾆ｣ｱﾘ",
            "ﾍﾞｯﾄﾞﾃﾞ ﾌｧｲﾙｦ ﾁｪｯｸ｡ ｷｭｳﾆ ｽﾞﾂｳ",
        ] {
            let (bytes, _, failed) = SHIFT_JIS.encode(text);
            assert!(!failed);
            let read = decode(&bytes).map(|decoded| decoded.text.into_owned());
            assert_eq!(read.as_deref(), Some(text));
        }
    }

    #[test]
    fn other_writing_of_the_same_bytes_is_not_kana() {
        for (encoding, text) in [
            (KOI8_R, "привет, болит живот и очень чешется рука"),
            (KOI8_R, "Здравствуйте, доктор"),
            (KOI8_R, "Шея болит уже три дня, рука немеет"),
            (GBK, "您好"),
            (GBK, "医生您好"),
            (GBK, "病历号"),
            (BIG5, "測試"),
            (EUC_KR, "저의 아이"),
            (EUC_KR, "왼쪽 팔이 아픕니다"),
            (EUC_KR, "왼쪽…오른쪽"),
            (EUC_KR, "왼쪽 눈이ㅠㅠ"),
            (WINDOWS_1251, "БОЛИТ ЖИВОТ, ЧЕШЕТСЯ РУКА"),
            (WINDOWS_1251, "БОЛІТЬ КОЛІНО ПІСЛЯ ПАДІННЯ"),
            (ISO_8859_7, "ΠΟΝΑΩ ΣΤΟ ΧΕΡΙ"),
            (WINDOWS_874, "ปวดหัวมาก"),
            (GBK, "喉咙痛"),
            (GBK, "肚子痛"),
            (GBK, "皮疹很痒"),
            (BIG5, "頭痛"),
            (EUC_KR, "가려움"),
            (EUC_KR, "두통"),
        ] {
            let (bytes, _, failed) = encoding.encode(text);
            assert!(!failed, "{text}");
            assert!(decode(&bytes).is_none(), "{text}: {:?}", decode(&bytes));
        }
    }

    #[test]
    fn kana_are_spelled_as_words_are() {
        for odd in ["ﾞｱ", "ｱﾞ", "ﾀﾟ", "ﾝ", " ｰ", "ｧｱ", "ﾐｧ", "ｱｬ", "ｱｯﾏ", "｡ｱ", "ｱ｣", "ﾞﾞ"]
        {
            assert_eq!(worth(odd), -1, "{odd}");
        }
        for few in ["ｶﾞ", "ﾛｷｿﾆﾝ", "ﾊﾞﾐﾑﾒﾓﾏﾐ", "｢ｶﾞｷﾞｸﾞｹﾞｺﾞｻﾞ"]
        {
            assert!(worth(few) < 1, "{few}");
        }
        assert_eq!(worth("ﾔﾏﾀﾞ ﾀﾛｳ"), 1);
    }
}
