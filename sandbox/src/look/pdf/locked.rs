//! Documents that are encrypted with an empty password: every reader opens them, most people never know.
//!
//! Names and the table stand in the file as they are; strings and streams do not, so what is looked for in those is looked
//! for again as the renderer unlocks them.

use std::sync::Arc;

use hayro::hayro_syntax::object::{Dict, MaybeRef, Object};
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use sekisho_protocol::FindingCode;

use super::active::Active;
use super::codes::LINKS;
use super::strings::is_active;
use crate::look::foreign;
use crate::look::notes::Notes;

/// Whether the renderer asks for a password at all: what opens with any is not encrypted to it.
pub(super) fn is_by_password(data: &Arc<Vec<u8>>) -> bool {
    matches!(
        Pdf::new_with_password(Arc::clone(data), NOBODYS),
        Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected))
    )
}

/// What stands in strings and streams, once unlocked.
pub(super) fn inspect(pdf: &Pdf, found: &mut Active, notes: &mut Notes) {
    for object in pdf.objects() {
        if let Object::Stream(stream) = &object {
            foreign::at_start(&stream.raw_data(), 0, notes);
        }
        links(&object, 0, found);
    }
}

fn links(object: &Object<'_>, depth: u8, found: &mut Active) {
    if depth > DEEPEST {
        found.overfull = true;
        return;
    }
    match object {
        Object::Dict(dict) => links_of(dict, depth, found),
        Object::Stream(stream) => links_of(stream.dict(), depth, found),
        Object::Array(items) => {
            let items = items.raw_iter().filter_map(|item| match item {
                MaybeRef::NotRef(item) => Some(item),
                // An object of its own, which has its turn.
                MaybeRef::Ref(_) => None,
            });
            items.for_each(|item| links(&item, depth + 1, found));
        }
        _ => {}
    }
}

fn links_of(dict: &Dict<'_>, depth: u8, found: &mut Active) {
    for key in LINKS {
        if let Some(Object::String(link)) = dict.get::<Object<'_>>(key)
            && is_active(link.as_bytes())
        {
            found.add(FindingCode::ActiveLink, 0);
        }
    }
    for (_, value) in dict.entries() {
        if let MaybeRef::NotRef(value) = value {
            links(&value, depth + 1, found);
        }
    }
}

/// A password that opens no honest document.
const NOBODYS: &str = "sekisho asks whether there is a password";
/// Values within values of one object.
const DEEPEST: u8 = 32;
