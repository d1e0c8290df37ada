//! Crop, rotation and mirroring, which HEIF states as properties instead of in EXIF.

use heifer_isobmff::boxes::Property;
use heifer_isobmff::{HeifFile, ItemId};
use sekisho_protocol::FindingCode;

use super::paint::Window;

/// The part of the stored picture that is shown, and its orientation in EXIF's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) window: Window,
    pub(super) orientation: u8,
}

/// Reads the properties in their order.
pub(super) fn placement(
    heif: &HeifFile<'_>,
    id: ItemId,
    width: u32,
    height: u32,
) -> Result<Placement, FindingCode> {
    let mut window = Window { left: 0, top: 0, width, height };
    let mut turned = Turn::NONE;
    for property in heif.item_properties(id).map_err(|_| FindingCode::Malformed)? {
        match property {
            Property::CleanAperture { width: w, height: h, horiz_offset, vert_offset } => {
                // A crop of a picture that was turned before is allowed and nobody writes it.
                if turned != Turn::NONE {
                    return Err(FindingCode::UnsupportedType);
                }
                (window.left, window.width) = crop(width, *w, *horiz_offset)?;
                (window.top, window.height) = crop(height, *h, *vert_offset)?;
            }
            Property::Rotation(quarters) => {
                for _ in 0..quarters % 4 {
                    turned = turned.then(Turn::QUARTER_LEFT);
                }
            }
            Property::Mirror(top_to_bottom) => {
                turned = turned.then(if *top_to_bottom { Turn::FLIP } else { Turn::MIRROR });
            }
            _ => {}
        }
    }
    Ok(Placement { window, orientation: turned.orientation() })
}

/// One side of a clean aperture: its length and the offset of its middle from the picture's, as fractions.
fn crop(whole: u32, length: (u32, u32), offset: (i32, u32)) -> Result<(u32, u32), FindingCode> {
    let length = f64::from(length.0) / f64::from(length.1);
    let offset = f64::from(offset.0) / f64::from(offset.1);
    let start = offset + (f64::from(whole) - length) / 2.0;
    let (start, length) = (start.round(), length.round());
    if !(length >= 1.0 && start >= 0.0 && start + length <= f64::from(whole)) {
        return Err(FindingCode::Malformed);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers between 0 and a u32"
    )]
    Ok((start as u32, length as u32))
}

/// Where the right and the lower neighbour of a stored pixel go: a rotation or mirroring as a matrix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Turn([[i8; 2]; 2]);

impl Turn {
    const NONE: Self = Self([[1, 0], [0, 1]]);
    const QUARTER_LEFT: Self = Self([[0, 1], [-1, 0]]);
    const MIRROR: Self = Self([[-1, 0], [0, 1]]);
    const FLIP: Self = Self([[1, 0], [0, -1]]);

    fn then(self, next: Self) -> Self {
        let [first, second] = self.0;
        let row = |[of_first, of_second]: [i8; 2]| {
            [0, 1].map(|column: usize| {
                let at = |row: [i8; 2]| row.get(column).copied().unwrap_or_default();
                of_first * at(first) + of_second * at(second)
            })
        };
        Self(next.0.map(row))
    }

    fn orientation(self) -> u8 {
        match self.0 {
            [[-1, 0], [0, 1]] => 2,
            [[-1, 0], [0, -1]] => 3,
            [[1, 0], [0, -1]] => 4,
            [[0, 1], [1, 0]] => 5,
            [[0, -1], [1, 0]] => 6,
            [[0, -1], [-1, 0]] => 7,
            [[0, 1], [-1, 0]] => 8,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_and_mirrors_are_the_orientations_of_exif() {
        let left = Turn::QUARTER_LEFT;
        assert_eq!(Turn::NONE.orientation(), 1);
        assert_eq!(left.orientation(), 8);
        assert_eq!(left.then(left).orientation(), 3);
        assert_eq!(left.then(left).then(left).orientation(), 6);
        assert_eq!(left.then(left).then(left).then(left), Turn::NONE);
        assert_eq!(Turn::MIRROR.orientation(), 2);
        assert_eq!(Turn::FLIP.orientation(), 4);
        // Mirrored left to right after a quarter to the left: the main diagonal stays.
        assert_eq!(left.then(Turn::FLIP).orientation(), 5);
        assert_eq!(left.then(Turn::MIRROR).orientation(), 7);
    }

    #[test]
    fn a_crop_lies_within_the_picture() {
        assert_eq!(crop(100, (100, 1), (0, 1)), Ok((0, 100)));
        assert_eq!(crop(100, (60, 1), (0, 1)), Ok((20, 60)));
        assert_eq!(crop(100, (60, 1), (-20, 1)), Ok((0, 60)));
        assert_eq!(crop(100, (60, 1), (-21, 1)), Err(FindingCode::Malformed));
        assert_eq!(crop(100, (101, 1), (0, 1)), Err(FindingCode::Malformed));
        assert_eq!(crop(100, (0, 1), (0, 1)), Err(FindingCode::Malformed));
        assert_eq!(crop(100, (60, 0), (0, 1)), Err(FindingCode::Malformed));
        assert_eq!(crop(100, (60, 1), (1, 0)), Err(FindingCode::Malformed));
    }
}
