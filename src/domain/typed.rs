//! What people type, brought to one form: a Japanese keyboard has each letter, digit and sign in more
//! than one width, and several dashes where one is meant.

use unicode_normalization::UnicodeNormalization as _;

/// Hyphens, dashes, the minus sign, and the mark of a long vowel: on a Japanese keyboard it is the key
/// of the hyphen.
const DASHES: [char; 8] = [
    '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}', '\u{30fc}',
];

/// One form for all that look alike: of each sign the common width (NFKC), of each dash `-`.
pub fn plain(untrusted_text: &str) -> String {
    let dash = |c| if DASHES.contains(&c) { '-' } else { c };
    untrusted_text.nfkc().map(dash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_the_same() {
        for typed in ["K-77", "Ｋ－７７", "Ｋー７７", "Kｰ77", "K−７7", "K–77", "K\u{2011}77"]
        {
            assert_eq!(plain(typed), "K-77", "{typed}");
        }
        assert_eq!(plain("ｶﾞ\u{3000}１"), "ガ 1");
        assert_eq!(plain(&plain("カルテー１")), plain("カルテー１"), "once is enough");
        assert_eq!(plain(""), "");
    }
}
