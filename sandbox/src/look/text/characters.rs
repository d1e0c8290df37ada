//! What each character is to a reader.
//!
//! Emoji, the variation selectors of Japanese names, the joiners of Persian and Indic words and the direction marks of
//! Arabic and Hebrew are writing where writing has them. Anywhere else the same characters hide something.

/// What a character is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Visible,
    Control,
    /// Begins a command to a terminal.
    Escape,
    Bidi,
    Invisible,
}

/// Each character with its place and class.
pub fn classified(text: &str) -> impl Iterator<Item = (usize, char, Class)> {
    let right_to_left = text.chars().any(is_right_to_left);
    let mut characters = text.char_indices().peekable();
    let (mut before, mut marks) = (None, 0u32);
    std::iter::from_fn(move || {
        let (offset, character) = characters.next()?;
        let after = characters.peek().map(|(_, after)| *after);
        marks = if is_mark(character) { marks + 1 } else { 0 };
        let class = match character {
            '\u{061C}' | '\u{200E}' | '\u{200F}' if right_to_left => Class::Visible,
            '\u{E0020}'..='\u{E007F}' if in_flag(text, offset) => Class::Visible,
            // A carriage return alone writes over the line on a terminal.
            '\r' if !matches!(after, Some('\n' | '\r')) => Class::Control,
            _ if marks > MAX_MARKS => Class::Invisible,
            _ => classify(before, character, after),
        };
        before = Some(character);
        Some((offset, character, class))
    })
}

/// Whether a reader sees nothing of it.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2065}'
        | '\u{206A}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
        || is_nobodys(character)
}

/// Characters that no standard gives a shape: of private use, or none at all. Apple's logo is known by its maker.
pub(super) fn is_nobodys(character: char) -> bool {
    let number = u32::from(character);
    matches!(character, '\u{E000}'..='\u{F8FE}' | '\u{FDD0}'..='\u{FDEF}' | '\u{F0000}'..)
        || number & 0xFFFE == 0xFFFE
}

fn classify(before: Option<char>, character: char, after: Option<char>) -> Class {
    let is = |test: fn(char) -> bool| before.is_some_and(test);
    let then = |test: fn(char) -> bool| after.is_some_and(test);
    match character {
        '\n' | '\t' | '\r' => Class::Visible,
        // A byte order mark, and only at the start.
        '\u{FEFF}' if before.is_none() => Class::Visible,
        // Joins emoji into one, or letters where the script asks for it.
        '\u{200D}' if is(is_emoji) && then(is_emoji) => Class::Visible,
        '\u{200C}' | '\u{200D}' if is(is_arabic) && then(is_arabic) => Class::Visible,
        '\u{200C}' | '\u{200D}' if is(is_indic) => Class::Visible,
        // Chooses how the character before it is drawn.
        '\u{FE0E}' | '\u{FE0F}' if is(is_emoji) || is(is_keycap) => Class::Visible,
        '\u{FE00}'..='\u{FE02}' if is(is_han) || is(is_operator) => Class::Visible,
        '\u{E0100}'..='\u{E01EF}' if is(is_han) => Class::Visible,
        '\u{180B}'..='\u{180D}' | '\u{180F}' if is(is_mongolian) => Class::Visible,
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => Class::Bidi,
        '\u{1B}' | '\u{90}' | '\u{98}' | '\u{9B}' | '\u{9D}'..='\u{9F}' => Class::Escape,
        _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
            Class::Control
        }
        _ if is_invisible(character) => Class::Invisible,
        _ => Class::Visible,
    }
}

/// Whether a tag character belongs to one of the three flags that are written with them.
fn in_flag(text: &str, offset: usize) -> bool {
    let before = text.get(..offset).unwrap_or_default().char_indices().rev();
    let flag = before.take(LONGEST_FLAG).find(|(_, character)| !is_tag(*character));
    let whole = |start: usize| text.get(start..).unwrap_or_default();
    flag.is_some_and(|(start, _)| FLAGS.iter().any(|flag| whole(start).starts_with(flag)))
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{E0020}'..='\u{E007F}')
}

fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}'
        | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

fn is_keycap(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, '#' | '*')
}

pub(super) fn is_han(character: char) -> bool {
    matches!(character,
        '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFD}')
}

fn is_operator(character: char) -> bool {
    matches!(character, '0' | '\u{2200}'..='\u{22FF}' | '\u{2A00}'..='\u{2AFF}')
}

fn is_arabic(character: char) -> bool {
    matches!(character,
        '\u{0600}'..='\u{06FF}' | '\u{0750}'..='\u{077F}' | '\u{08A0}'..='\u{08FF}'
        | '\u{FB50}'..='\u{FDCF}' | '\u{FE70}'..='\u{FEFC}')
}

/// Letters from Devanagari to Sinhala, Myanmar and Khmer.
fn is_indic(character: char) -> bool {
    matches!(character, '\u{0900}'..='\u{0DFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

fn is_mongolian(character: char) -> bool {
    matches!(character, '\u{1820}'..='\u{18AA}')
}

fn is_right_to_left(character: char) -> bool {
    is_arabic(character) || matches!(character, '\u{0590}'..='\u{05FF}' | '\u{0700}'..='\u{074F}')
}

fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Marks over one letter; Vietnamese needs two. More of them bury the words around.
const MAX_MARKS: u32 = 4;
/// England, Scotland, Wales: a black flag, five letters, an end.
const FLAGS: [&str; 3] = [
    "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "🏴\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];
const LONGEST_FLAG: usize = 6;
