//! Groups in which something is mixed with what is beneath the group.
//!
//! The renderer draws every group apart and lays it over the page at last. A marker that is to darken what it marks then hides
//! it, if the writer put it in a group that is not said to stand apart. Such a group is the same as its parts drawn one by one
//! where nothing is set before it, so there it is drawn as if it were none.

use std::collections::HashSet;
use std::ops::Range;

use hayro::hayro_syntax::content::TypedIter;
use hayro::hayro_syntax::content::ops::TypedInstruction;
use hayro::hayro_syntax::object::{Dict, Name, Object, ObjectIdentifier, Stream};

/// Whether a drawing is such a group.
pub(super) fn mixes_with_beneath(drawing: &Stream<'_>) -> bool {
    is_open(drawing.dict()) && mixes(drawing, &mut HashSet::new())
}

/// Where in the file a drawing is said to be a group, if it is one whose parts do not hide each other. `None` also if what says
/// it is not in the file itself, or in doubt.
pub(super) fn named_at(drawing: &Stream<'_>, file: &[u8]) -> Option<Range<usize>> {
    let group = drawing.dict().get::<Dict<'_>>(b"Group")?;
    let list = drawing.dict().data();
    let is_key = |at: &usize| {
        let next = list.get(at + KEY.len());
        next.is_some_and(|next| next.is_ascii_whitespace() || b"<[/(%".contains(next))
    };
    let mut found = memchr::memmem::find_iter(list, KEY).filter(is_key);
    let (at, None, false) = (found.next()?, found.next(), group.contains_key(b"K")) else {
        return None;
    };
    let begin = list.as_ptr().addr().checked_sub(file.as_ptr().addr())? + at;
    let place = begin..begin + KEY.len();
    (file.get(place.clone()) == Some(KEY)).then_some(place)
}

/// The file in which these drawings are no groups.
pub(super) fn without(places: &[Range<usize>], file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for place in places {
        if let Some(key) = file.get_mut(place.clone()) {
            key.copy_from_slice(NO_KEY);
        }
    }
    file
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

const KEY: &[u8] = b"/Group";
/// As long, and known to no reader.
const NO_KEY: &[u8] = b"/Joint";
/// Drawings in one group.
const MOST: usize = 200;
