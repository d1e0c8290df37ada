//! HEIC: the primary picture, whole or as a grid of tiles.

mod hevc;
mod paint;
mod turn;

use heifer::color::ColorParams;
use heifer_hevc_dec::recon::Frame;
use heifer_isobmff::boxes::{ColorInfo, Property};
use heifer_isobmff::{HeifFile, ItemId};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{Source, check_size, colour, walk_whole};
use crate::look::heif;
use paint::{Sheet, Window};

/// Decodes the primary picture. Other pictures, depth and gain maps are dropped.
pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, heif::walk)?;
    let picture = file.get(..walk.end.unwrap_or(0)).unwrap_or_default();
    let heif = HeifFile::parse(picture).map_err(|_| FindingCode::Malformed)?;
    let primary = follow_identity(&heif)?;
    let (width, height) = heif::size(&heif).ok_or(FindingCode::Malformed)?;
    let turn::Placement { window, orientation } =
        turn::placement(&heif, heif.primary_id, width, height)?;
    let room = canvas.room(window.width, window.height, orientation)?;
    let mut sheet = Sheet::new(room, window);
    let chroma = items(&heif, primary, (width, height), &mut sheet, limits)?;
    if let Some(alpha) = alpha_of(&heif, primary)? {
        lay_over_white(&heif, alpha, (width, height), window, room, limits)?;
    }
    let profile = profile(&heif, heif.primary_id)?;
    let (chroma_h, chroma_v) = chroma;
    Ok((Source { coding: SourceCoding::Lossy { chroma_h, chroma_v }, profile }, walk.frames))
}

/// The item that is coded or a grid, behind at most one `iden`.
fn follow_identity(heif: &HeifFile<'_>) -> Result<ItemId, FindingCode> {
    let id = heif.primary_id;
    match (kind(heif, id)?, heif.referenced_items(id, b"dimg")) {
        (kind, [source]) if &kind == b"iden" => Ok(*source),
        _ => Ok(id),
    }
}

/// Paints a coded item or every tile of a grid. Returns the chroma's coarseness.
fn items(
    heif: &HeifFile<'_>,
    id: ItemId,
    (width, height): (u32, u32),
    sheet: &mut Sheet<'_>,
    limits: &DecodeLimits,
) -> Result<(u8, u8), FindingCode> {
    if &kind(heif, id)? != b"grid" {
        let (frame, params) = coded(heif, id, limits)?;
        if frame.widths[0] < width || frame.heights[0] < height {
            return Err(FindingCode::Malformed);
        }
        paint::paint(&frame, params, (width, height), (0, 0), sheet);
        return Ok(paint::chroma(&frame));
    }
    let grid = heif.grid(id).map_err(|_| FindingCode::Malformed)?;
    let tiles = heif.referenced_items(id, b"dimg");
    if tiles.len() != usize::from(grid.rows) * usize::from(grid.columns) {
        return Err(FindingCode::Malformed);
    }
    let first = tiles.first().ok_or(FindingCode::Malformed)?;
    let size = heif.image_size(*first).ok().flatten().ok_or(FindingCode::Malformed)?;
    check_size(size.0, size.1, limits)?;
    let covered =
        |tile: u32, count: u16, whole: u32| u64::from(tile) * u64::from(count) >= u64::from(whole);
    if !covered(size.0, grid.columns, width) || !covered(size.1, grid.rows, height) {
        return Err(FindingCode::Malformed);
    }
    let mut chroma = (2, 2);
    for (tile, number) in tiles.iter().zip(0u32..) {
        let (frame, params) = coded(heif, *tile, limits)?;
        if frame.widths[0] < size.0 || frame.heights[0] < size.1 {
            return Err(FindingCode::Malformed);
        }
        let (column, row) = (number % u32::from(grid.columns), number / u32::from(grid.columns));
        paint::paint(&frame, params, size, (column * size.0, row * size.1), sheet);
        chroma = paint::chroma(&frame);
    }
    Ok(chroma)
}

/// Decodes a coded item, and says how its samples stand for colours.
fn coded(
    heif: &HeifFile<'_>,
    id: ItemId,
    limits: &DecodeLimits,
) -> Result<(Frame, ColorParams), FindingCode> {
    let frame = match &kind(heif, id)? {
        b"hvc1" => hevc::decode(heif, id, limits)?,
        _ => return Err(FindingCode::UnsupportedType),
    };
    let stated = colours(heif, id)?.find_map(|colour| match colour {
        ColorInfo::Nclx { matrix, full_range, .. } => {
            Some(ColorParams { matrix: *matrix, full_range: *full_range })
        }
        ColorInfo::Icc(_) => None,
    });
    let params = stated.unwrap_or_else(|| ColorParams::from_frame(&frame));
    Ok((frame, params))
}

/// The opacity that goes with a picture, if it has one.
fn alpha_of(heif: &HeifFile<'_>, id: ItemId) -> Result<Option<ItemId>, FindingCode> {
    for auxiliary in heif.referencing_items(id, b"auxl") {
        let mut properties = heif.item_properties(auxiliary).map_err(|_| FindingCode::Malformed)?;
        if properties.any(|property| {
            matches!(property, Property::AuxiliaryType(kind) if ALPHA.contains(&kind.as_str()))
        }) {
            return Ok(Some(auxiliary));
        }
    }
    Ok(None)
}

fn lay_over_white(
    heif: &HeifFile<'_>,
    alpha: ItemId,
    size: (u32, u32),
    window: Window,
    room: &mut [u8],
    limits: &DecodeLimits,
) -> Result<(), FindingCode> {
    let mut opacity = vec![0; room.len()];
    items(heif, alpha, size, &mut Sheet::new(&mut opacity, window), limits)?;
    for (pixel, [opacity, ..]) in
        room.as_chunks_mut::<3>().0.iter_mut().zip(opacity.as_chunks::<3>().0)
    {
        let [red, green, blue] = *pixel;
        *pixel = over_white([red, green, blue, *opacity]);
    }
    Ok(())
}

/// The profile of the picture, or one made from its colour numbers.
fn profile(heif: &HeifFile<'_>, id: ItemId) -> Result<Option<Vec<u8>>, FindingCode> {
    if let Some(icc) = heif.icc_profile(id).map_err(|_| FindingCode::Malformed)? {
        return Ok(Some(icc.to_vec()));
    }
    let tile = heif.referenced_items(id, b"dimg").first().copied();
    for item in [Some(id), tile].into_iter().flatten() {
        for colour in colours(heif, item)? {
            if let ColorInfo::Nclx { primaries, transfer, .. } = colour {
                return Ok(colour::profile_of(*primaries, *transfer));
            }
        }
    }
    Ok(None)
}

fn colours<'a>(
    heif: &'a HeifFile<'_>,
    id: ItemId,
) -> Result<impl Iterator<Item = &'a ColorInfo>, FindingCode> {
    let properties = heif.item_properties(id).map_err(|_| FindingCode::Malformed)?;
    Ok(properties.filter_map(|property| match property {
        Property::Color(colour) => Some(colour),
        _ => None,
    }))
}

fn kind(heif: &HeifFile<'_>, id: ItemId) -> Result<[u8; 4], FindingCode> {
    heif.item(id).map(|item| item.item_type.0).map_err(|_| FindingCode::Malformed)
}

const ALPHA: [&str; 2] =
    ["urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"];
