//! What is odd about a file's name, as one code.
//!
//! A name may hold a person's name, so it is looked at once, where it comes in, and only the code is
//! kept. Odd is what makes a name read, or a system treat it, as another one: nothing here says what
//! the file is.

use serde::{Deserialize, Serialize};

/// What a name does that no phone's and no camera's does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOddity {
    /// Characters that reverse the direction of reading, so that an ending shows backwards.
    Bidi,
    /// Characters that command a terminal or a printer.
    Control,
    /// Characters that nobody sees.
    Invisible,
    /// Parts of a path, or another stream of the same file.
    Path,
    /// What a page, a shell or a server would run or undo: `<img …>`, `$(…)`, `%00`.
    Code,
    /// An ending in letters that only look like it.
    LookalikeEnding,
    /// An ending of what a system or a server runs before the last one: `photo.exe.jpg`.
    DoubleEnding,
    /// A name that Windows keeps for a device: `con.jpg`.
    Device,
    /// A blank or a dot at the end, which Windows drops: `photo.exe .`.
    BlankEnd,
    /// Longer than any file system has it.
    TooLong,
}

impl NameOddity {
    /// The gravest oddity of a name, if it has one.
    pub fn of(untrusted_name: &str) -> Option<Self> {
        let name = untrusted_name;
        let has = |is: fn(char) -> bool| name.chars().any(is);
        if has(reverses) {
            Some(Self::Bidi)
        } else if has(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            Some(Self::Control)
        } else if has(is_invisible) || joins_ascii(name) {
            Some(Self::Invisible)
        } else if has(|c| matches!(c, '/' | '\\')) || name.contains("::$") || name == ".." {
            Some(Self::Path)
        } else if has_code(name) {
            Some(Self::Code)
        } else if has_lookalike_ending(name) {
            Some(Self::LookalikeEnding)
        } else if has_double_ending(name) {
            Some(Self::DoubleEnding)
        } else if is_device(name) {
            Some(Self::Device)
        } else if name.ends_with(['.', ' ', '\u{A0}', '\u{3000}']) {
            Some(Self::BlankEnd)
        } else if name.chars().count() > MAX_CHARS {
            Some(Self::TooLong)
        } else {
            None
        }
    }

    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bidi => "bidi",
            Self::Control => "control",
            Self::Invisible => "invisible",
            Self::Path => "path",
            Self::Code => "code",
            Self::LookalikeEnding => "lookalike_ending",
            Self::DoubleEnding => "double_ending",
            Self::Device => "device",
            Self::BlankEnd => "blank_end",
            Self::TooLong => "too_long",
        }
    }
}

/// The ending of a name in lower case, as Windows sees it: what it drops at the end is no part of it.
pub fn ending(untrusted_name: &str) -> Option<String> {
    let bare = untrusted_name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let (_, ending) = bare.rsplit_once('.')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let ending = ending.to_ascii_lowercase();
    ((1..=MAX_ENDING).contains(&ending.len()) && ending.bytes().all(is_plain)).then_some(ending)
}

const fn reverses(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{2060}'
            ..='\u{2064}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
    )
}

/// Joiners belong between letters of some scripts and between emoji, never beside ASCII.
fn joins_ascii(name: &str) -> bool {
    let mut before = None;
    name.chars().any(|c| {
        let joins = |c: char| matches!(c, '\u{200C}' | '\u{200D}');
        let beside = before.is_some_and(|before: char| {
            joins(c) && before.is_ascii() || joins(before) && c.is_ascii()
        });
        before = Some(c);
        beside
    })
}

fn has_code(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let opens_tag = |(at, _): (usize, &str)| {
        lower.get(at + 1..).is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?' | '%'))
        })
    };
    CODE.iter().any(|code| lower.contains(code)) || lower.match_indices('<').any(opens_tag)
}

fn has_lookalike_ending(name: &str) -> bool {
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    let plain: Option<String> = ending.chars().map(looks_like).collect();
    !ending.is_ascii() && plain.is_some_and(|plain| (2..=MAX_ENDING).contains(&plain.len()))
}

/// The letter or digit of ASCII that a character is drawn like.
fn looks_like(c: char) -> Option<char> {
    let number = u32::from(c);
    match c {
        _ if c.is_ascii_alphanumeric() => Some(c),
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(number - 0xFEE0).filter(char::is_ascii_alphanumeric)
        }
        _ => LOOKALIKES.chars().zip(LOOKED_LIKE.chars()).find(|(odd, _)| *odd == c).map(|(_, c)| c),
    }
}

fn has_double_ending(name: &str) -> bool {
    // Some servers end a name at a semicolon.
    let is_dot = |c: char| matches!(c, '.' | ';' | '\u{2024}' | '\u{FF0E}');
    let mut parts = name.split(is_dot).rev().map(str::trim);
    let last = parts.next().unwrap_or_default();
    // The first part is the name itself: ".exe.jpg" has an empty one.
    let inner = parts.clone().count().saturating_sub(1);
    let runs = |part: &str| RUN.contains(&part.to_ascii_lowercase().as_str());
    !runs(last) && parts.take(inner).any(runs)
}

fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().find_map(|device| stem.strip_prefix(device));
    DEVICES.contains(&stem.as_str())
        || numbered.is_some_and(|number| {
            let mut digits = number.chars();
            digits.next().is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'))
                && digits.next().is_none()
        })
}

/// Cyrillic and Greek letters, each above the Latin one that it is drawn like.
const LOOKALIKES: &str = "аеорсухѕіјһԁԛԝӏгѵοινρχαεκτАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";
const LOOKED_LIKE: &str = "aeopcyxsijhdqwlrvoivpxaektABEKMHOPCTXIJSABEZHIKMNOPTYX";
const CODE: [&str; 12] =
    ["$(", "${", "{{", "#{", "`", "%00", "%0a", "%0d", "%2e", "%2f", "%5c", "javascript:"];
const DEVICES: [&str; 7] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];
/// What runs, on a desk or on a server, wherever in the name it is looked for. Without those that are
/// also ends of addresses, as `com`.
const RUN: [&str; 46] = [
    "exe", "scr", "pif", "bat", "cmd", "cpl", "dll", "msi", "msp", "msix", "appx", "jar", "apk",
    "lnk", "hta", "js", "jse", "vb", "vbs", "vbe", "ws", "wsf", "wsh", "ps1", "psm1", "reg", "inf",
    "scf", "sct", "chm", "jnlp", "url", "desktop", "php", "php3", "php4", "php5", "php7", "phtml",
    "phar", "asp", "aspx", "ashx", "jsp", "jspx", "cgi",
];
/// As many as the file systems of Windows and Apple have; others have fewer.
const MAX_CHARS: usize = 255;
const MAX_ENDING: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_cameras_and_people_name_their_files_is_not_odd() {
        for name in [
            "IMG_0001.JPG",
            "PXL_20260401_081500123.MP.jpg",
            "Screenshot_20260401-101010_com.whatsapp.jpg",
            "Screenshot 2026-04-01 at 1.00.00\u{202F}PM.png",
            "スクリーンショット 2026-04-01 10.10.10.png",
            "写真（左腕）.heic",
            "か\u{3099}そ\u{3099}う.jpg",
            "山田.太郎",
            "検査結果 2026.04.01.pdf",
            "report.docx.pdf",
            "www.example.com.png",
            "家族👨\u{200D}👩\u{200D}👧❤\u{FE0F}.jpg",
            "می\u{200C}خواهم.jpg",
            "фото.jpg",
            "image.jpeg.jpg",
            "exe.jpg",
            "contact.png",
            "com10.png",
            "2026:04:01 photo.jpg",
            "O'Brien & Söhne (1), 50% #2 [left].jpg",
            "I <3 you; 3 > 2.jpg",
            "noname",
            "",
        ] {
            assert_eq!(NameOddity::of(name), None, "{name:?}");
        }
        assert_eq!(NameOddity::of(&"あ".repeat(MAX_CHARS)), None);
    }

    #[test]
    fn a_name_that_reads_as_another_is_odd() {
        use NameOddity::{
            Bidi, BlankEnd, Code, Control, Device, DoubleEnding, Invisible, LookalikeEnding, Path,
            TooLong,
        };
        for (name, odd) in [
            ("photo\u{202E}gpj.exe", Bidi),
            ("photo\u{2067}.jpg", Bidi),
            ("photo\r\n.jpg", Control),
            ("photo\u{1B}[2K.jpg", Control),
            ("photo\0.jpg", Control),
            ("pho\u{200B}to.jpg", Invisible),
            ("photo\u{200D}.jpg", Invisible),
            ("../photo.jpg", Path),
            ("C:\\Users\\a\\photo.jpg", Path),
            ("photo.jpg::$DATA", Path),
            ("..", Path),
            ("<img src=x onerror=alert(1)>.jpg", Code),
            ("$(id).jpg", Code),
            ("a.php%00.jpg", Code),
            ("photo.ехе", LookalikeEnding),
            ("photo.ｊｐｇ", LookalikeEnding),
            ("photo.exe.jpg", DoubleEnding),
            ("photo.EXE .jpg", DoubleEnding),
            ("photo．exe.jpg", DoubleEnding),
            ("shell.php.jpg", DoubleEnding),
            ("a.js.b.png", DoubleEnding),
            ("a.asp;.jpg", DoubleEnding),
            ("con.jpg", Device),
            ("NUL", Device),
            ("Com1 .txt", Device),
            ("lpt¹.png", Device),
            ("photo.jpg.", BlankEnd),
            ("photo.exe ", BlankEnd),
        ] {
            assert_eq!(NameOddity::of(name), Some(odd), "{name:?}");
        }
        assert_eq!(NameOddity::of(&"a".repeat(MAX_CHARS + 1)), Some(TooLong));
    }

    #[test]
    fn letters_that_look_alike_stand_one_above_the_other() {
        assert_eq!(LOOKALIKES.chars().count(), LOOKED_LIKE.chars().count());
        assert!(LOOKED_LIKE.is_ascii());
    }

    #[test]
    fn an_ending_is_what_a_system_acts_on() {
        for (name, expected) in [
            ("a.JPG", Some("jpg")),
            ("a.exe ", Some("exe")),
            ("a.exe. .", Some("exe")),
            ("a.settingcontent-ms", Some("settingcontent-ms")),
            ("a.b c", None),
            ("a.", None),
            ("noname", None),
            ("a.this-is-longer-than-any", None),
        ] {
            assert_eq!(ending(name).as_deref(), expected, "{name:?}");
        }
    }
}
