//! Groups in which something is mixed with what is beneath the group.
//!
//! The renderer draws every group apart and lays it over the page at last. A marker that is to darken what it marks then hides
//! it, if the writer put it in a group that is not said to stand apart.

use std::collections::HashSet;

use hayro::hayro_syntax::content::TypedIter;
use hayro::hayro_syntax::content::ops::TypedInstruction;
use hayro::hayro_syntax::object::{Dict, Name, Object, ObjectIdentifier, Stream};

/// Whether a drawing is such a group.
pub(super) fn mixes_with_beneath(drawing: &Stream<'_>) -> bool {
    is_open(drawing.dict()) && mixes(drawing, &mut HashSet::new())
}

/// A group that is not apart from what is beneath it.
fn is_open(drawing: &Dict<'_>) -> bool {
    let group = drawing.get::<Dict<'_>>(b"Group");
    group.is_some_and(|group| !group.get::<bool>(b"I").unwrap_or(false))
}

/// Whether a drawing, or one in it that is not apart, sets another way to mix colours than to lay them over others.
fn mixes(drawing: &Stream<'_>, seen: &mut HashSet<ObjectIdentifier>) -> bool {
    if !seen.insert(drawing.obj_id()) {
        return false;
    }
    let resources = drawing.dict().get::<Dict<'_>>(b"Resources").unwrap_or_default();
    let states = resources.get::<Dict<'_>>(b"ExtGState").unwrap_or_default();
    let within = resources.get::<Dict<'_>>(b"XObject").unwrap_or_default();
    let data = drawing.decoded_data().unwrap_or_default();
    let mut instructions = TypedIter::new(&data);
    while let Some(instruction) = instructions.next() {
        let is_mixed = match instruction {
            TypedInstruction::SetGraphicsState(state) => {
                states.get::<Dict<'_>>(&**state.0).is_some_and(|state| is_mixing(&state))
            }
            TypedInstruction::XObject(part) => within
                .get::<Stream<'_>>(&**part.0)
                .is_some_and(|part| is_met(part.dict()) && mixes(&part, seen)),
            _ => false,
        };
        // As deep as nothing honest is.
        if is_mixed || seen.len() > MOST {
            return true;
        }
    }
    false
}

/// A drawing of which what is in it meets what is beneath it.
fn is_met(part: &Dict<'_>) -> bool {
    let is_form = part.get::<Name<'_>>(b"Subtype").as_deref() == Some(b"Form");
    is_form && (!part.contains_key(b"Group") || is_open(part))
}

fn is_mixing(state: &Dict<'_>) -> bool {
    let way = match state.get::<Object<'_>>(b"BM") {
        Some(Object::Name(way)) => Some(way),
        Some(Object::Array(ways)) => ways.iter::<Name<'_>>().next(),
        _ => None,
    };
    way.is_some_and(|way| !matches!(&*way, b"Normal" | b"Compatible"))
}

/// Drawings in one group.
const MOST: usize = 200;
