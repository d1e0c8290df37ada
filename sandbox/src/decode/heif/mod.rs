//! HEIC and AVIF: the primary picture, whole or as a grid of tiles.

mod av1;
mod hevc;
mod paint;
mod turn;

use std::ops::Range;

use heifer::color::ColorParams;
use heifer_hevc_dec::recon::Frame;
use heifer_isobmff::boxes::{ColorInfo, Property};
use heifer_isobmff::{HeifFile, ItemId};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::Canvas;
use super::memory::Memory;
use super::{Source, check_size, colour, walk_whole};
use crate::look::{heif, items};
use paint::{Ink, Sheet};

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
    let memory = canvas.memory();
    let room = canvas.room(window.width, window.height, orientation)?;
    let mut sheet = Sheet::new(&mut *room, window, Ink::Colour);
    let bounds = Bounds { limits, memory };
    let shown = items(&heif, primary, (width, height), &mut sheet, bounds)?;
    if let Some(alpha) = alpha_of(&heif, primary)? {
        let is_in = heif.referenced_items(primary, b"prem").contains(&alpha);
        let ink = if is_in { Ink::OpacityAlreadyIn } else { Ink::Opacity };
        items(&heif, alpha, (width, height), &mut Sheet::new(room, window, ink), bounds)?;
    }
    let profile = profile(&heif, heif.primary_id)?;
    let profile = profile.or_else(|| shown.numbers.and_then(|(p, t)| colour::profile_of(p, t)));
    let (chroma_h, chroma_v) = shown.chroma;
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

/// What the coded items themselves told.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// Luma samples for each chroma sample, horizontally and vertically. Grey has no chroma to lose.
    chroma: (u8, u8),
    /// Primaries and transfer, where no box of the file states them.
    numbers: Option<(u16, u16)>,
}

/// What decoding one item may come to.
#[derive(Clone, Copy, Debug)]
struct Bounds<'a> {
    limits: &'a DecodeLimits,
    memory: &'a Memory,
}

/// Paints a coded item or every tile of a grid.
fn items(
    heif: &HeifFile<'_>,
    id: ItemId,
    (width, height): (u32, u32),
    sheet: &mut Sheet<'_>,
    bounds: Bounds<'_>,
) -> Result<Shown, FindingCode> {
    if &kind(heif, id)? != b"grid" {
        return coded(heif, id, (width, height), (0, 0), sheet, bounds);
    }
    let grid = heif.grid(id).map_err(|_| FindingCode::Malformed)?;
    let tiles = heif.referenced_items(id, b"dimg");
    if tiles.len() != usize::from(grid.rows) * usize::from(grid.columns) {
        return Err(FindingCode::Malformed);
    }
    let first = tiles.first().ok_or(FindingCode::Malformed)?;
    let size = heif.image_size(*first).ok().flatten().ok_or(FindingCode::Malformed)?;
    check_size(size.0, size.1, bounds.limits)?;
    let covered =
        |tile: u32, count: u16, whole: u32| u64::from(tile) * u64::from(count) >= u64::from(whole);
    if !covered(size.0, grid.columns, width) || !covered(size.1, grid.rows, height) {
        return Err(FindingCode::Malformed);
    }
    let mut shown = Shown { chroma: (2, 2), numbers: None };
    for (tile, number) in tiles.iter().zip(0u32..) {
        let (column, row) = (number % u32::from(grid.columns), number / u32::from(grid.columns));
        let place = (column * size.0, row * size.1);
        shown = coded(heif, *tile, size, place, sheet, bounds)?;
    }
    Ok(shown)
}

/// A decoded item, in the words of its codec.
enum Coded {
    Hevc(Frame),
    Av1(av1::Av1),
}

impl Coded {
    fn size(&self) -> (u32, u32) {
        match self {
            Self::Hevc(frame) => (frame.widths[0], frame.heights[0]),
            Self::Av1(frame) => frame.size(),
        }
    }

    /// Luma samples for each chroma sample; none in grey.
    fn chroma(&self) -> Option<(u8, u8)> {
        match self {
            Self::Hevc(frame) => match frame.chroma_format {
                0 => None,
                2 => Some((2, 1)),
                3 => Some((1, 1)),
                _ => Some((2, 2)),
            },
            Self::Av1(frame) => frame.chroma(),
        }
    }

    fn params(&self) -> ColorParams {
        match self {
            Self::Hevc(frame) => ColorParams::from_frame(frame),
            Self::Av1(frame) => frame.params,
        }
    }

    /// Some rows as planes, with the chroma that goes with them.
    fn band(&self, rows: Range<usize>, params: ColorParams) -> Frame {
        match self {
            Self::Hevc(frame) => paint::cut(frame, rows),
            Self::Av1(frame) => frame.band(rows, params),
        }
    }
}

/// Decodes a coded item and paints its first `size` pixels at a place of the stored picture. It has no more of them than
/// codecs fill up.
fn coded(
    heif: &HeifFile<'_>,
    id: ItemId,
    size: (u32, u32),
    place: (u32, u32),
    sheet: &mut Sheet<'_>,
    bounds: Bounds<'_>,
) -> Result<Shown, FindingCode> {
    let coded = match &kind(heif, id)? {
        b"hvc1" => Coded::Hevc(hevc::decode(heif, id, bounds)?),
        b"av01" => Coded::Av1(av1::decode(heif, id, bounds)?),
        _ => return Err(FindingCode::UnsupportedType),
    };
    let (width, height) = coded.size();
    let is_shown = |coded: u32, shown: u32| (shown..shown.saturating_add(FILLING)).contains(&coded);
    if !is_shown(width, size.0) || !is_shown(height, size.1) {
        return Err(FindingCode::Malformed);
    }
    // A grid may speak for its tiles, but not for an opacity.
    let mut stated = stated(heif, id)?;
    if stated.is_none() && sheet.ink() == Ink::Colour {
        stated = self::stated(heif, heif.primary_id)?;
    }
    let params = stated.unwrap_or_else(|| coded.params());
    let coarse = coded.chroma().is_some_and(|chroma| chroma != (1, 1));
    if !is_known(params.matrix) || (params.matrix == av1::IDENTITY && coarse) {
        return Err(FindingCode::UnsupportedType);
    }
    paint::paint(&coded, params, size, place, sheet);
    let numbers = match &coded {
        Coded::Av1(frame) if stated.is_none() => Some((frame.primaries, frame.transfer)),
        _ => None,
    };
    Ok(Shown { chroma: coded.chroma().unwrap_or((2, 2)), numbers })
}

/// How the file says that the samples of an item stand for colours.
fn stated(heif: &HeifFile<'_>, id: ItemId) -> Result<Option<ColorParams>, FindingCode> {
    Ok(colours(heif, id)?.find_map(|colour| match colour {
        ColorInfo::Nclx { matrix, full_range, .. } => {
            Some(ColorParams { matrix: *matrix, full_range: *full_range })
        }
        ColorInfo::Icc(_) => None,
    }))
}

/// Matrix coefficients that the converter knows: RGB, BT.709, none stated, FCC, BT.601, SMPTE 240, BT.2020.
const fn is_known(matrix: u16) -> bool {
    matches!(matrix, 0..=7 | 9)
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

/// The profile of the picture, or one made from its colour numbers.
fn profile(heif: &HeifFile<'_>, id: ItemId) -> Result<Option<Vec<u8>>, FindingCode> {
    if let Some(profile) = items::profile(heif, id) {
        return Ok(Some(profile.to_vec()));
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

/// Codecs work in squares, of eight or sixteen pixels a side, and some writers leave the last ones whole.
const FILLING: u32 = 16;
const ALPHA: [&str; 2] =
    ["urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"];
