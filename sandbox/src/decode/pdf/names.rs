//! Names by which drawings call fonts and parts.

use std::collections::HashSet;

use hayro::hayro_syntax::content::ops::TypedInstruction;
use hayro::hayro_syntax::page::Resources;

/// Some of them.
#[derive(Default)]
pub(super) struct Names {
    pub(super) fonts: HashSet<Vec<u8>>,
    pub(super) parts: HashSet<Vec<u8>>,
}

impl Names {
    /// Adds what an instruction names that is not in a list. Some readers look for it in the list of what the drawing is
    /// drawn on; the renderer does not.
    pub(super) fn take(&mut self, instruction: &TypedInstruction<'_, '_>, list: &Resources<'_>) {
        let (names, list, name) = match instruction {
            TypedInstruction::TextFont(font) => (&mut self.fonts, &list.fonts, font.0),
            TypedInstruction::XObject(part) => (&mut self.parts, &list.x_objects, part.0),
            _ => return,
        };
        if !list.contains_key(&**name) {
            names.insert(name.to_vec());
        }
    }

    pub(super) fn meet(&self, others: &Self) -> bool {
        !self.fonts.is_disjoint(&others.fonts) || !self.parts.is_disjoint(&others.parts)
    }
}
