//! Embedded colour profiles to sRGB. A profile that is sRGB already costs no pass over the pixels.

use std::sync::Arc;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace,
    Layout, MatrixCoefficients, ToneReprCurve, TransferCharacteristics, Transform8BitExecutor,
    TransformOptions,
};
use sekisho_protocol::{ColourTreatment, FindingCode};

/// What has to be done to a picture's pixels, made once and used piece by piece.
pub(super) struct Conversion {
    transform: Option<Arc<Transform8BitExecutor>>,
    before: Vec<u8>,
    treatment: ColourTreatment,
}

impl Conversion {
    /// To sRGB from an embedded profile, if there is one.
    pub(super) fn from(profile: Option<&[u8]>) -> Self {
        let without = |treatment| Self { transform: None, before: Vec::new(), treatment };
        let Some(profile) = profile.filter(|profile| !profile.is_empty()) else {
            return without(ColourTreatment::Unchanged);
        };
        match transform(profile) {
            Err(Inapplicable) => without(ColourTreatment::ProfileIgnored),
            Ok(None) => without(ColourTreatment::Unchanged),
            Ok(transform) => {
                Self { transform, before: vec![0; PIECE], treatment: ColourTreatment::Converted }
            }
        }
    }

    pub(super) const fn treatment(&self) -> ColourTreatment {
        self.treatment
    }

    /// Converts RGB pixels in place.
    pub(super) fn apply(&mut self, pixels: &mut [u8]) -> Result<(), FindingCode> {
        let Some(transform) = &self.transform else {
            return Ok(());
        };
        for piece in pixels.chunks_mut(PIECE) {
            let copy = self.before.get_mut(..piece.len()).ok_or(FindingCode::Malformed)?;
            copy.copy_from_slice(piece);
            transform.transform(copy, piece).map_err(|_| FindingCode::Malformed)?;
        }
        Ok(())
    }
}

/// A profile that is broken or not one of RGB.
struct Inapplicable;

/// What leads from a profile to sRGB. `None`: nothing has to be done.
fn transform(profile: &[u8]) -> Result<Option<Arc<Transform8BitExecutor>>, Inapplicable> {
    if profile.len() > MAX_PROFILE {
        return Err(Inapplicable);
    }
    let source = ColorProfile::new_from_slice(profile).map_err(|_| Inapplicable)?;
    if source.color_space != DataColorSpace::Rgb {
        return Err(Inapplicable);
    }
    let target = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = source
        .create_transform_8bit(Layout::Rgb, &target, Layout::Rgb, options)
        .map_err(|_| Inapplicable)?;
    let probe = probe_colours();
    let mut probed = vec![0; probe.len()];
    transform.transform(&probe, &mut probed).map_err(|_| Inapplicable)?;
    let moved = probe.iter().zip(probed).any(|(a, b)| a.abs_diff(b) > 1);
    Ok(moved.then_some(transform))
}

/// The profile of a picture that states its colours by number (ITU-T H.273). `None` for sRGB and for what is unspecified.
pub(super) fn profile_of(primaries: u16, transfer: u16) -> Option<Vec<u8>> {
    let primaries = CicpColorPrimaries::try_from(u8::try_from(primaries).ok()?).ok()?;
    let transfer = TransferCharacteristics::try_from(u8::try_from(transfer).ok()?).ok()?;
    if primaries == CicpColorPrimaries::Unspecified
        || transfer == TransferCharacteristics::Unspecified
        || (primaries == CicpColorPrimaries::Bt709 && is_srgb(transfer))
    {
        return None;
    }
    let numbers = CicpProfile {
        color_primaries: primaries,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    };
    ColorProfile::new_from_cicp(numbers).encode().ok()
}

/// The profile of a picture that states the exponent of its curve and perhaps where in the colour plane its white, red,
/// green and blue lie (x, y), as PNG does. `None` for those of sRGB.
pub(super) fn profile_by(exponent: f32, places: Option<[(f32, f32); 4]>) -> Option<Vec<u8>> {
    let places = places.filter(are_colours).unwrap_or(SRGB_PLACES);
    let near =
        |(a, b): (&(f32, f32), &(f32, f32))| (a.0 - b.0).abs().max((a.1 - b.1).abs()) < SAME_PLACE;
    if (exponent * 2.2 - 1.0).abs() < SAME_CURVE && places.iter().zip(&SRGB_PLACES).all(near) {
        return None;
    }
    let [white, red, green, blue] = places.map(|(x, y)| Chromaticity::new(x, y));
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    let curve = ToneReprCurve::Parametric(vec![exponent.recip().clamp(0.01, 100.0)]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    profile.encode().ok()
}

/// Whether colours can be mixed from these: no light without brightness, and three that are no line.
fn are_colours(places: &[(f32, f32); 4]) -> bool {
    let [_, red, green, blue] = places;
    let area = (green.0 - red.0) * (blue.1 - red.1) - (blue.0 - red.0) * (green.1 - red.1);
    places.iter().all(|(x, y)| (0.0..=1.0).contains(x) && (0.001..=1.0).contains(y))
        && area.abs() > 0.01
}

/// The curve of sRGB, or that of video, which every viewer shows as if it were sRGB.
fn is_srgb(transfer: TransferCharacteristics) -> bool {
    matches!(
        transfer,
        TransferCharacteristics::Srgb
            | TransferCharacteristics::Bt709
            | TransferCharacteristics::Bt601
    )
}

/// A coarse grid over all colours: a profile that moves none of them is sRGB by another name.
fn probe_colours() -> Vec<u8> {
    let steps = || (0..=255u8).step_by(51);
    steps()
        .flat_map(|red| steps().flat_map(move |green| steps().map(move |blue| [red, green, blue])))
        .flatten()
        .collect()
}

/// Bytes converted at a time; both copies stay in the second cache. A multiple of three.
const PIECE: usize = 3 << 14;
/// Camera profiles have some kilobytes, the largest printer profiles some megabytes.
const MAX_PROFILE: usize = 8 << 20;
/// White, red, green and blue of sRGB.
const SRGB_PLACES: [(f32, f32); 4] = [(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)];
/// Writers round.
const SAME_PLACE: f32 = 0.002;
/// Nearer than this nobody sees the difference, says libpng.
const SAME_CURVE: f32 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    fn to_srgb(profile: Option<&[u8]>, pixels: &mut [u8]) -> ColourTreatment {
        let mut conversion = Conversion::from(profile);
        conversion.apply(pixels).unwrap();
        conversion.treatment()
    }

    #[test]
    fn display_p3_is_converted_over_piece_borders() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let mut pixels = [200, 80, 60].repeat(PIECE / 3 + 5);
        assert_eq!(to_srgb(Some(&p3), &mut pixels), ColourTreatment::Converted);
        // By the primaries of both spaces: P3 (200, 80, 60) is sRGB (215, 75, 50) within rounding.
        let first: [u8; 3] = pixels[..3].try_into().unwrap();
        assert!(first[0] > 208 && first[1] < 80 && first[2] < 60, "{first:?}");
        assert!(pixels.chunks_exact(3).all(|pixel| pixel == first));
    }

    #[test]
    fn srgb_is_left_alone() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        let mut pixels = vec![1, 2, 3, 250, 128, 9];
        assert_eq!(to_srgb(Some(&srgb), &mut pixels), ColourTreatment::Unchanged);
        assert_eq!(pixels, [1, 2, 3, 250, 128, 9]);
    }

    #[test]
    fn a_broken_profile_is_ignored_and_said_so() {
        let mut pixels = vec![1, 2, 3];
        assert_eq!(to_srgb(Some(b"nonsense"), &mut pixels), ColourTreatment::ProfileIgnored);
        assert_eq!(pixels, [1, 2, 3]);
    }

    #[test]
    fn a_stated_curve_is_undone_and_that_of_srgb_is_left_alone() {
        assert_eq!(profile_by(0.45455, None), None);
        assert_eq!(profile_by(0.45455, Some(SRGB_PLACES)), None);
        let mut grey = vec![55; 3];
        assert_eq!(
            to_srgb(profile_by(1.0, None).as_deref(), &mut grey),
            ColourTreatment::Converted
        );
        assert!(grey.iter().all(|value| value.abs_diff(128) <= 1), "{grey:?}");
        // The primaries of Display P3, by the same numbers as above.
        let wide = [(0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)];
        let mut red = vec![200, 80, 60];
        to_srgb(profile_by(0.45455, Some(wide)).as_deref(), &mut red);
        assert!(red[0] > 208 && red[1] < 84 && red[2] < 64, "{red:?}");
    }

    #[test]
    fn places_that_are_no_colours_are_ignored() {
        for places in
            [[(0.0, 0.0); 4], [(0.3, 0.3); 4], [(0.3, 9.0), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)]]
        {
            assert_eq!(profile_by(0.45455, Some(places)), None, "{places:?}");
        }
        let mut grey = vec![55; 3];
        to_srgb(profile_by(0.00001, None).as_deref(), &mut grey);
        to_srgb(profile_by(42_949.0, None).as_deref(), &mut grey);
    }
}
