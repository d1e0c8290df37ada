//! Which character a number in a collection of East Asian glyphs stands for.
//!
//! Where a collection has a character in several shapes, the renderer's table names the character and a selector of the
//! shape. The renderer looks for single characters only and would take the number for that of a glyph in another font. So
//! the first shape of each is named by the character alone, as other readers do who lack the document's own font.

use std::fmt::Write as _;
use std::sync::OnceLock;

use hayro::hayro_interpret::hayro_cmap::{BfString, CMap, CMapName, load_embedded};

/// The table of this name, for the renderer.
pub(super) fn table(name: CMapName<'_>) -> Option<&'static [u8]> {
    match name {
        CMapName::AdobeJapan1Ucs2 => Some(JAPANESE.get_or_init(without_selectors)),
        CMapName::Custom(name) if name == AS_IT_IS => load_embedded(CMapName::AdobeJapan1Ucs2),
        name => load_embedded(name),
    }
}

/// The characters of first shapes, over the renderer's table.
fn without_selectors() -> Vec<u8> {
    let whole = load_embedded(CMapName::AdobeJapan1Ucs2);
    let whole = whole.and_then(|table| CMap::parse(table, load_embedded));
    let named = |number: u32| match whole.as_ref()?.lookup_bf_string(number)? {
        BfString::String(text) => text.strip_suffix(FIRST_SHAPE)?.parse::<char>().ok(),
        BfString::Char(_) => None,
    };
    let mut text = format!("/{} usecmap beginbfchar\n", String::from_utf8_lossy(AS_IT_IS));
    for (number, character) in (0..NUMBERS).filter_map(|number| Some((number, named(number)?))) {
        // Writing to a string cannot fail.
        let _ = write!(text, "<{number:04X}> <");
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "{unit:04X}");
        }
        text.push_str(">\n");
    }
    text.push_str("endbfchar\n");
    text.into_bytes()
}

static JAPANESE: OnceLock<Vec<u8>> = OnceLock::new();
/// Our own name for the renderer's table.
const AS_IT_IS: &[u8] = b"Sekisho-Japan1-as-it-is";
/// The selector of the shape that was registered first.
const FIRST_SHAPE: char = '\u{E0100}';
/// More than there are in the collection.
const NUMBERS: u32 = 0x8000;
