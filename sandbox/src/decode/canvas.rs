//! Where pixels go: straight to the output, or by way of a scratch buffer when width and height change places or chroma
//! is halved.

use sekisho_protocol::{ColourTreatment, DecodeLimits, FindingCode, PixelLayout};

use super::colour::Conversion;
use super::memory::Memory;
use super::{check_size, orient, planes};
use crate::map;

/// The output and how the picture on it has to be turned.
#[derive(Debug)]
pub(super) struct Canvas<'a> {
    output: &'a mut [u8],
    scratch: Vec<u8>,
    memory: &'a Memory,
    limits: DecodeLimits,
    width: u32,
    height: u32,
    orientation: u8,
    halve: bool,
}

/// What lies in the output in the end.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: PixelLayout,
    /// The orientation that was undone.
    pub(super) orientation: u8,
    pub(super) colour: ColourTreatment,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(output: &'a mut [u8], limits: &DecodeLimits, memory: &'a Memory) -> Self {
        Self {
            output,
            scratch: Vec::new(),
            memory,
            limits: *limits,
            width: 0,
            height: 0,
            orientation: 1,
            halve: false,
        }
    }

    /// The source has no finer chroma: half the output will do. To be said before [`Self::room`].
    pub(super) const fn halve_chroma(&mut self) {
        self.halve = true;
    }

    /// What the decoder may still take.
    pub(super) const fn memory(&self) -> &'a Memory {
        self.memory
    }

    pub(super) fn into_output(self) -> &'a mut [u8] {
        self.output
    }

    /// Room for a stored picture of this size: `width × height` RGB pixels.
    pub(super) fn room(
        &mut self,
        width: u32,
        height: u32,
        orientation: u8,
    ) -> Result<&mut [u8], FindingCode> {
        check_size(width, height, &self.limits)?;
        let pixels = u64::from(width) * u64::from(height);
        let len = usize::try_from(pixels * 3).map_err(|_| FindingCode::TooManyPixels)?;
        let output = std::mem::take(&mut self.output);
        self.output =
            output.get_mut(..len).filter(|_| len > 0).ok_or(FindingCode::TooManyPixels)?;
        (self.width, self.height, self.orientation) = (width, height, orientation);
        // An odd side would have to be halved from its other end once it is turned.
        self.halve &= width.is_multiple_of(2) && height.is_multiple_of(2);
        if self.halve {
            let halved = std::mem::take(&mut self.output);
            self.output = halved.get_mut(..len / 2).ok_or(FindingCode::TooManyPixels)?;
        }
        let apart = self.halve || orient::changes_shape(orientation);
        self.memory.take(if apart { pixels * 3 } else { 0 })?;
        map::populate(self.output);
        if apart {
            self.scratch = vec![0; len];
            Ok(&mut self.scratch)
        } else {
            Ok(self.output)
        }
    }

    /// Converts to sRGB, turns upright and leaves the picture in the output.
    pub(super) fn finish(self, profile: Option<&[u8]>) -> Result<Finished, FindingCode> {
        let Self { output, mut scratch, width, height, orientation, halve, .. } = self;
        let size = (width as usize, height as usize);
        let mut conversion = Conversion::from(profile);
        if halve {
            planes::lay(&mut scratch, size, orientation, &mut conversion, output)?;
        } else if orient::changes_shape(orientation) {
            conversion.apply(&mut scratch)?;
            orient::turn(&scratch, size.0, size.1, orientation, output);
        } else {
            conversion.apply(output)?;
            orient::flip(output, size.0, orientation);
        }
        let turned = orient::changes_shape(orientation);
        let (width, height) = if turned { (height, width) } else { (width, height) };
        let layout = if halve { PixelLayout::HalvedChroma } else { PixelLayout::Rgb };
        Ok(Finished { width, height, layout, orientation, colour: conversion.treatment() })
    }
}

/// Lays a pixel with opacity over white.
pub(super) fn over_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let lay = |value: u8| {
        let sum = u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
        // At most 255, as both weights add up to 255.
        u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
    };
    [lay(red), lay(green), lay(blue)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opacity_is_laid_over_white() {
        assert_eq!(over_white([10, 20, 30, 255]), [10, 20, 30]);
        assert_eq!(over_white([10, 20, 30, 0]), [255, 255, 255]);
        assert_eq!(over_white([0, 0, 0, 128]), [127, 127, 127]);
    }

    #[test]
    fn limits_hold_at_and_over() {
        let limits = DecodeLimits { max_pixels: 12, max_dimension: 6, ..DecodeLimits::default() };
        let try_size = |width, height, len| {
            let mut output = vec![0; len];
            let memory = Memory::beside(&limits, 0, len);
            Canvas::new(&mut output, &limits, &memory).room(width, height, 1).map(|room| room.len())
        };
        assert_eq!(try_size(6, 2, 36), Ok(36));
        assert_eq!(try_size(7, 1, 36), Err(FindingCode::DimensionLimit));
        assert_eq!(try_size(5, 3, 99), Err(FindingCode::TooManyPixels));
        assert_eq!(try_size(6, 2, 35), Err(FindingCode::TooManyPixels));
        assert_eq!(try_size(0, 2, 35), Err(FindingCode::TooManyPixels));
    }
}
