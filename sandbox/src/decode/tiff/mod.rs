//! TIFF: the first picture, strip by strip or tile by tile, a row at a time.
//!
//! The directory that was walked strictly is also the one that is decoded by: two readers of the same directory could
//! disagree about what is in it.

mod colours;
mod jpeg;
mod rows;

use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::Canvas;
use super::{Source, check_size, expect_spent, walk_whole};
use crate::look::tiff::{self, page::Page};
use colours::Colours;
use rows::Rows;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, tiff::walk)?;
    let page = tiff::first_page(file)?;
    let range = |(start, end): (usize, usize)| file.get(start..end).unwrap_or_default();
    // Turned once, however often the same bytes are said to be a piece.
    let turned: Option<Vec<u8>> =
        page.is_reversed.then(|| file.iter().map(|byte| byte.reverse_bits()).collect());
    let turned = turned.as_deref().unwrap_or(file);
    // A tile may be larger than the picture.
    check_size(page.piece.0, page.piece.1, limits)?;
    let colours = Colours::of(&page)?;
    let memory = canvas.memory();
    let room = canvas.room(page.width, page.height, page.orientation)?;
    let mut coding = SourceCoding::Lossless;
    for (piece, number) in page.pieces.iter().zip(0u32..) {
        let place = Place::of(&page, number);
        if page.compression == JPEG {
            let tables = page.tables.map(range).unwrap_or_default();
            coding = jpeg::decode(&page, tables, range(*piece), place, room, limits, memory)?;
        } else {
            let data = turned.get(piece.0..piece.1).unwrap_or_default();
            packed(&page, &colours, data, place, room)?;
        }
    }
    let profile = page.profile.map(|profile| range(profile).to_vec());
    Ok((Source { coding, profile }, walk.frames))
}

/// Where a piece lies in the picture, in pixels, and which samples it has.
#[derive(Clone, Copy, Debug)]
struct Place {
    left: u32,
    top: u32,
    /// As stored: a tile is filled up beyond the picture's edge, the last strip is not.
    width: u32,
    height: u32,
    /// Of a picture whose samples are stored apart.
    plane: usize,
}

impl Place {
    fn of(page: &Page, number: u32) -> Self {
        let (width, height) = page.piece;
        let across = page.width.div_ceil(width);
        let down = page.height.div_ceil(height);
        let (row, column) = (number / across % down, number % across);
        let top = row * height;
        let height = if page.is_tiled { height } else { height.min(page.height - top) };
        let plane = (number / across / down) as usize;
        Self { left: column * width, top, width, height, plane }
    }

    /// The part of a row of the picture that a row of this piece fills.
    fn target<'a>(&self, page: &Page, row: u32, room: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let y = self.top.checked_add(row).filter(|y| *y < page.height)? as usize;
        let right = self.left.saturating_add(self.width).min(page.width) as usize;
        let (width, left) = (page.width as usize, self.left as usize);
        room.get_mut((y * width + left) * 3..(y * width + right) * 3)
    }
}

/// Unpacks a piece and paints its rows.
fn packed(
    page: &Page,
    colours: &Colours,
    data: &[u8],
    place: Place,
    room: &mut [u8],
) -> Result<(), FindingCode> {
    let samples = if page.is_planar { 1 } else { usize::from(page.samples) };
    let bits = place.width as usize * samples * usize::from(page.bits);
    let mut row = vec![0; bits.div_ceil(8)];
    let mut rows = Rows::new(page, data, place.width)?;
    // Those below the picture's edge, too: a tile has them, and some writers fill up the last strip with them.
    for number in 0..page.piece.1 {
        match (rows.next(&mut row), place.target(page, number, room)) {
            (Ok(()), Some(target)) => {
                rows::undo_prediction(&mut row, page, samples);
                colours.paint(&row, place.plane, target);
            }
            (Ok(()), None) => {}
            (Err(code), Some(_)) => return Err(code),
            (Err(_), None) => break,
        }
    }
    expect_spent(rows.left())
}

/// The compression whose pieces are pictures of their own.
const JPEG: u16 = 7;
