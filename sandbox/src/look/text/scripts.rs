//! Which writing a character belongs to, so far as the looks at texts must know.

pub(super) fn is_han(character: char) -> bool {
    matches!(character,
        '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFD}')
}

/// Signs with a picture of their own. Of lines and blocks nobody chooses how they are drawn.
pub(super) fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{24FF}' | '\u{25A0}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}'
        | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// What emoji are joined to: others, but no arrow other than the two that nod and shake.
pub(super) fn is_joined_emoji(character: char) -> bool {
    matches!(character, '\u{2194}' | '\u{2195}' | '\u{2600}'..='\u{27BF}' | '\u{2B1B}')
        || matches!(character, '\u{1F000}'..='\u{1FAFF}')
}

pub(super) fn is_keycap(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, '#' | '*')
}

pub(super) fn is_operator(character: char) -> bool {
    matches!(character, '0' | '\u{2200}'..='\u{22FF}' | '\u{2A00}'..='\u{2AFF}')
}

/// Full-width marks, which stand in the middle of their square or in a corner.
pub(super) fn is_wide_mark(character: char) -> bool {
    matches!(character, '、' | '。' | '！' | '，' | '．' | '：' | '；' | '？')
}

/// Letters of Arabic writing and their marks: no number signs, no punctuation, and not the mark of direction.
pub(super) fn is_arabic(character: char) -> bool {
    let is_of_block = matches!(character,
        '\u{0600}'..='\u{06FF}' | '\u{0750}'..='\u{077F}' | '\u{0870}'..='\u{08FF}'
        | '\u{FB50}'..='\u{FDCF}' | '\u{FE70}'..='\u{FEFC}');
    is_of_block && (character.is_alphabetic() || is_mark(character))
}

/// Letters from Devanagari to Sinhala, Myanmar and Khmer.
pub(super) fn is_indic(character: char) -> bool {
    matches!(character, '\u{0900}'..='\u{0DFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

/// Thai, Lao, Myanmar and Khmer, whose lines break where nobody sees a space.
pub(super) fn is_without_spaces(character: char) -> bool {
    matches!(character, '\u{0E01}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

pub(super) fn is_mongolian(character: char) -> bool {
    matches!(character, '\u{1820}'..='\u{18AA}')
}

/// Letters that are read from right to left.
pub(super) fn is_right_to_left(character: char) -> bool {
    let is_of_block = matches!(character,
        '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}');
    is_of_block && character.is_alphabetic()
}

/// Marks over and under a letter, and the letters that combine as marks do.
pub(super) fn is_mark(character: char) -> bool {
    matches!(character,
        // Latin, Greek, Cyrillic, and of any writing.
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{2DE0}'..='\u{2DFF}'
        | '\u{A66F}'..='\u{A672}' | '\u{A674}'..='\u{A67D}' | '\u{FE20}'..='\u{FE2F}'
        // Hebrew, Arabic and Syriac.
        | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}'..='\u{05C2}' | '\u{05C4}'..='\u{05C5}'
        | '\u{05C7}' | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}'
        | '\u{06D6}'..='\u{06DC}' | '\u{06DF}'..='\u{06E4}' | '\u{06E7}'..='\u{06E8}'
        | '\u{06EA}'..='\u{06ED}' | '\u{0730}'..='\u{074A}' | '\u{0898}'..='\u{089F}'
        | '\u{08CA}'..='\u{08E1}' | '\u{08E3}'..='\u{08FF}'
        // Devanagari, Thai and Lao.
        | '\u{0900}'..='\u{0902}' | '\u{0941}'..='\u{0948}' | '\u{094D}' | '\u{0951}'..='\u{0957}'
        | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}' | '\u{0EB1}'
        | '\u{0EB4}'..='\u{0EBC}' | '\u{0EC8}'..='\u{0ECE}'
        // Chinese tones, voiced kana, notes, Glagolitic.
        | '\u{302A}'..='\u{302F}' | '\u{3099}'..='\u{309A}' | '\u{1D165}'..='\u{1D169}'
        | '\u{1D16D}'..='\u{1D172}' | '\u{1E000}'..='\u{1E02A}')
}
