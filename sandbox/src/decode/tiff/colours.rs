//! From the samples of a row to RGB.

use sekisho_protocol::FindingCode;

use crate::decode::canvas::over_white;
use crate::look::tiff::page::Page;

/// How the samples of a picture stand for colours.
#[derive(Clone, Debug)]
pub(super) struct Colours {
    bits: u16,
    samples: usize,
    is_planar: bool,
    model: Model,
}

#[derive(Clone, Debug)]
enum Model {
    /// One sample, perhaps opacity, perhaps with white as zero.
    Grey {
        inverted: bool,
        alpha: Alpha,
    },
    Rgb {
        alpha: Alpha,
    },
    Palette(Vec<[u8; 3]>),
    /// Four inks.
    Inks,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Alpha {
    None,
    /// The colours were multiplied with it.
    Associated,
    Unassociated,
}

impl Colours {
    pub(super) fn of(page: &Page) -> Result<Self, FindingCode> {
        let samples = usize::from(page.samples);
        let is_small = matches!(page.bits, 1 | 2 | 4);
        let large = matches!(page.bits, 8 | 16);
        let predicted = matches!((page.predictor, large), (1, _) | (2, true));
        if !predicted || !(large || (is_small && samples == 1)) {
            return Err(FindingCode::UnsupportedType);
        }
        // Fax codes say which of two colours comes next.
        if page.compression == 4 && (page.bits, samples) != (1, 1) {
            return Err(FindingCode::UnsupportedType);
        }
        let alpha = |colours: usize| match (samples.checked_sub(colours), page.extra) {
            (None, _) => Err(FindingCode::Malformed),
            (Some(0), _) => Ok(Alpha::None),
            (_, Some(1)) => Ok(Alpha::Associated),
            (_, Some(2)) => Ok(Alpha::Unassociated),
            // Masks and spot colours do not change what is shown.
            _ => Ok(Alpha::None),
        };
        let model = match page.photometric {
            0 | 1 => Model::Grey { inverted: page.photometric == 0, alpha: alpha(1)? },
            2 => Model::Rgb { alpha: alpha(3)? },
            3 if samples == 1 && page.bits <= 8 => Model::Palette(palette(page)?),
            5 => alpha(4).map(|_| Model::Inks)?,
            // The piece is a picture of its own, with its own words about colour.
            6 if page.compression == super::JPEG => Model::Rgb { alpha: Alpha::None },
            _ => return Err(FindingCode::UnsupportedType),
        };
        // Opacity and inks that are stored apart would need all planes at once; next to nobody writes that.
        let apart = matches!(model, Model::Rgb { alpha: Alpha::None } if samples == 3);
        if page.is_planar && !apart {
            return Err(FindingCode::UnsupportedType);
        }
        Ok(Self { bits: page.bits, samples, is_planar: page.is_planar, model })
    }

    /// Paints a row of samples, or one channel of it.
    pub(super) fn paint(&self, row: &[u8], plane: usize, target: &mut [u8]) {
        let pixels = target.as_chunks_mut::<3>().0.iter_mut();
        match self.bits {
            8 if self.is_planar => {
                let channel = pixels.filter_map(|pixel| pixel.get_mut(plane));
                channel.zip(row).for_each(|(to, from)| *to = *from);
            }
            16 if self.is_planar => {
                let channel = pixels.filter_map(|pixel| pixel.get_mut(plane));
                let words = row.as_chunks::<2>().0;
                channel.zip(words).for_each(|(to, from)| *to = narrowed(*from));
            }
            8 => {
                let stored = row.chunks_exact(self.samples);
                pixels.zip(stored).for_each(|(to, from)| *to = self.colour(from));
            }
            16 => {
                let mut samples = vec![0; self.samples];
                let stored = row.as_chunks::<2>().0.chunks_exact(self.samples);
                for (to, from) in pixels.zip(stored) {
                    samples.iter_mut().zip(from).for_each(|(to, from)| *to = narrowed(*from));
                    *to = self.colour(&samples);
                }
            }
            bits => {
                let bits = usize::from(bits);
                let max = u8::MAX >> (8 - bits.min(8));
                let is_index = matches!(self.model, Model::Palette(_));
                for (to, x) in pixels.zip(0usize..) {
                    let byte = row.get(x * bits / 8).copied().unwrap_or_default();
                    let value = (byte >> (8 - bits - x * bits % 8)) & max;
                    // 255 is a multiple of 1, 3 and 15.
                    *to = self.colour(&[if is_index { value } else { value * (255 / max) }]);
                }
            }
        }
    }

    /// One pixel.
    fn colour(&self, samples: &[u8]) -> [u8; 3] {
        match (&self.model, samples) {
            (Model::Grey { inverted, alpha }, [value, rest @ ..]) => {
                let value = if *inverted { 255 - value } else { *value };
                laid([value; 3], *alpha, rest)
            }
            (Model::Rgb { alpha }, [red, green, blue, rest @ ..]) => {
                laid([*red, *green, *blue], *alpha, rest)
            }
            (Model::Palette(colours), [index, ..]) => {
                colours.get(usize::from(*index)).copied().unwrap_or_default()
            }
            (Model::Inks, [cyan, magenta, yellow, black, ..]) => {
                [cyan, magenta, yellow].map(|ink| {
                    let light = u16::from(255 - ink) * u16::from(255 - black);
                    // At most 255.
                    u8::try_from((light + 127) / 255).unwrap_or(u8::MAX)
                })
            }
            _ => [0; 3],
        }
    }
}

/// A colour over white.
fn laid(colour: [u8; 3], alpha: Alpha, rest: &[u8]) -> [u8; 3] {
    let opacity = rest.first().copied().unwrap_or(u8::MAX);
    let [red, green, blue] = colour;
    match alpha {
        Alpha::None => colour,
        Alpha::Unassociated => over_white([red, green, blue, opacity]),
        Alpha::Associated => colour.map(|value| value.saturating_add(255 - opacity)),
    }
}

/// Sixteen bits as eight, to the nearest.
fn narrowed(word: [u8; 2]) -> u8 {
    let value = u32::from(u16::from_ne_bytes(word));
    // At most 255.
    u8::try_from((value * 255 + 32_767) / 65_535).unwrap_or(u8::MAX)
}

/// All reds, then all greens, then all blues, sixteen bits each. Some old writers used eight.
fn palette(page: &Page) -> Result<Vec<[u8; 3]>, FindingCode> {
    let count = 1usize << page.bits;
    if page.palette.len() != count * 3 {
        return Err(FindingCode::Malformed);
    }
    let is_wide = page.palette.iter().any(|value| *value > 255);
    let shown = |place: usize| {
        let value = page.palette.get(place).copied().unwrap_or_default();
        if is_wide { narrowed(value.to_ne_bytes()) } else { u8::try_from(value).unwrap_or(u8::MAX) }
    };
    Ok((0..count).map(|index| [index, index + count, index + 2 * count].map(shown)).collect())
}
