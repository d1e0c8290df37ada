//! Layers, where the renderer does not ask about them as other readers do: it passes over expressions, and draws a note
//! whichever layer it is on. What depends on either is refused.

use std::collections::HashSet;

use hayro::hayro_syntax::object::{Array, Dict, MaybeRef, Name, ObjectIdentifier};

/// Whether an expression, such as "not this one", says when what is on this layer is shown.
pub(super) fn is_by_expression(layer: &Dict<'_>) -> bool {
    layer.contains_key(b"VE")
}

/// Whether a note may be on a layer that other readers do not show, if these are off.
pub(super) fn may_hide(note: &Dict<'_>, off: &HashSet<ObjectIdentifier>) -> bool {
    let Some(layer) = note.get::<Dict<'_>>(b"OC") else { return false };
    let members = layer.get::<Array<'_>>(b"OCGs").unwrap_or_default();
    let members = members.raw_iter().filter_map(|member| match member {
        MaybeRef::Ref(member) => Some(member),
        MaybeRef::NotRef(_) => None,
    });
    let mut all = members.chain(note.get_ref(b"OC")).chain(layer.get_ref(b"OCGs"));
    let is_for_off = |rule: Name<'_>| matches!(&*rule, b"AnyOff" | b"AllOff");
    is_by_expression(&layer)
        || layer.get::<Name<'_>>(b"P").is_some_and(is_for_off)
        || all.any(|layer| off.contains(&layer.into()))
}

/// Whether a part is on a layer that an expression shows.
pub(super) fn is_on_told_one(part: &Dict<'_>) -> bool {
    part.get::<Dict<'_>>(b"OC").is_some_and(|layer| is_by_expression(&layer))
}
