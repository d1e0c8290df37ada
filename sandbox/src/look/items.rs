//! The items of a HEIF file that are no pictures: counted, and looked into.

use heifer_isobmff::boxes::{ColorInfo, Property};
use heifer_isobmff::{BoxIter, HeifFile, Item, ItemId};
use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::{foreign, metadata};

/// Whether the lists of items are so long that connecting them, each entry of one with each of another, would take more
/// than a moment. `meta` is the content of that box.
pub fn are_too_many(meta: &[u8]) -> bool {
    let (mut items, mut others) = (0, 0);
    let mut waiting = vec![meta.get(4..).unwrap_or_default()];
    while let Some(content) = waiting.pop() {
        for part in BoxIter::new(content).flatten() {
            let len = part.content.len() as u64;
            match &part.header.box_type.0 {
                b"iinf" => items += len / LEAST_ITEM,
                b"iloc" | b"iref" | b"ipma" | b"ipco" => others += len,
                b"iprp" => waiting.push(part.content),
                _ => {}
            }
        }
    }
    items.saturating_mul(others) > MAX_CONNECTIONS
}

/// Counts metadata, thumbnails and profiles. What cannot be read is no part of the picture either.
pub fn count(heif: &HeifFile<'_>, notes: &mut Notes) {
    let mut left = MAX_BYTES;
    for item in &heif.items {
        let is_metadata = matches!(&item.item_type.0, b"Exif" | b"mime" | b"uri ");
        let cost = if is_metadata { length(item).saturating_add(LEAST_COST) } else { 0 };
        let Some(rest) = left.checked_sub(cost) else {
            // Items may lie over each other; read one by one, a small file could take hours.
            return notes.add(FindingCode::ExpansionLimit, 0, 0);
        };
        left = rest;
        let read = || heif.item_data(item.id).unwrap_or_default();
        let place = item.location.as_ref().and_then(|location| location.extents.first());
        let place = place.and_then(|extent| usize::try_from(extent.offset).ok()).unwrap_or(0);
        match (&item.item_type.0, item.content_type.as_deref()) {
            (b"Exif", _) => {
                let data = read();
                metadata::exif(tiff(&data), notes);
                foreign::in_metadata(&data, place, notes);
            }
            (b"mime", Some("application/rdf+xml")) => {
                let data = read();
                metadata::xmp(&data, notes);
                foreign::in_metadata(&data, place, notes);
            }
            (b"mime" | b"uri ", _) => {
                let data = read();
                notes.removed(RemovalCode::OtherSegments, data.len());
                foreign::in_metadata(&data, place, notes);
            }
            _ if !heif.referenced_items(item.id, b"thmb").is_empty() => {
                notes.removed_many(RemovalCode::Thumbnail, 1, length(item));
            }
            _ => {}
        }
    }
    if let Some(profile) = profile(heif, heif.primary_id) {
        notes.removed(RemovalCode::ColourProfile, profile.len());
    }
}

/// The colour profile of a picture, or of the first one that it is made of. No further: pictures may be made of each other in
/// a ring.
pub fn profile<'a>(heif: &'a HeifFile<'_>, picture: ItemId) -> Option<&'a [u8]> {
    let part = heif.referenced_items(picture, b"dimg").first().copied();
    [Some(picture), part].into_iter().flatten().find_map(|item| {
        heif.item_properties(item).ok()?.find_map(|property| match property {
            Property::Color(ColorInfo::Icc(profile)) if !profile.is_empty() => {
                Some(profile.as_slice())
            }
            _ => None,
        })
    })
}

/// How long an item says it is. What has no length goes to the end of something, at most of the largest file.
fn length(item: &Item) -> u64 {
    let extents = item.location.iter().flat_map(|location| &location.extents);
    let length = |length: u64| if length == 0 { MAX_BYTES / 4 } else { length };
    extents.map(|extent| length(extent.length)).fold(0, u64::saturating_add)
}

/// The block behind the field that says how far it is to it.
fn tiff(data: &[u8]) -> &[u8] {
    let skip = Cursor::at(data, 0).u32_be().and_then(|skip| usize::try_from(skip).ok());
    let start = skip.and_then(|skip| skip.checked_add(4));
    start.and_then(|start| data.get(start..)).unwrap_or(data)
}

/// Bytes of metadata that are read of one file.
const MAX_BYTES: u64 = 128 << 20;
/// What each item costs beside its bytes.
const LEAST_COST: u64 = 1024;
/// The shortest entry of an item has this many bytes.
const LEAST_ITEM: u64 = 16;
/// Items times the bytes of the lists that say where they are and how they hang together: ten million in a picture of 200
/// megapixels.
const MAX_CONNECTIONS: u64 = 500_000_000;

#[cfg(test)]
mod tests {
    use heifer::EncodeOptions;
    use heifer_isobmff::FourCC;
    use heifer_isobmff::boxes::ItemReference;

    use super::*;

    #[test]
    fn pictures_made_of_each_other_have_no_profile() {
        let file = heifer::encode_rgb8(16, 16, &[99; 768], &EncodeOptions::default()).unwrap();
        let mut heif = HeifFile::parse(&file).unwrap();
        let id = heif.primary_id;
        let made_of = |from, to| ItemReference { ref_type: FourCC(*b"dimg"), from, to: vec![to] };
        let mut other = heif.items[0].clone();
        other.id = 99;
        heif.items.push(other);
        heif.references = vec![made_of(id, 99), made_of(99, id)];
        assert_eq!(profile(&heif, id), None);
    }
}
