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
    let mut source = ColorProfile::new_from_slice(profile).map_err(|_| Inapplicable)?;
    if source.color_space != DataColorSpace::Rgb {
        return Err(Inapplicable);
    }
    if let Some(light) = source.cicp.and_then(|numbers| light_of(numbers.transfer_characteristics))
    {
        show_by(&mut source, light);
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
    let mut profile = ColorProfile::new_from_cicp(numbers);
    if let Some(light) = light_of(transfer) {
        show_by(&mut profile, light);
    }
    profile.encode().ok()
}

/// The light in nits on a screen of 1,000 that a value (0 to 1) of a curve for high dynamic range stands for, if it is one.
fn light_of(transfer: TransferCharacteristics) -> Option<fn(f32) -> f32> {
    match transfer {
        TransferCharacteristics::Smpte2084 => Some(perceptual_quantizer),
        TransferCharacteristics::Hlg => Some(hybrid_log_gamma),
        _ => None,
    }
}

/// SMPTE ST 2084, by the constants of ITU-R BT.2100.
fn perceptual_quantizer(value: f32) -> f32 {
    let power = value.powf(32.0 / 2523.0);
    let (over, under) = ((power - 0.835_937_5).max(0.0), 18.851_563 - 18.6875 * power);
    10_000.0 * (over / under).powf(16_384.0 / 2610.0)
}

/// ITU-R BT.2100, with the system gamma of a screen of 1,000 nits.
fn hybrid_log_gamma(value: f32) -> f32 {
    let scene = if value <= 0.5 {
        value * value / 3.0
    } else {
        (((value - 0.559_910_7) / 0.178_832_77).exp() + 0.284_668_92) / 12.0
    };
    1000.0 * scene.powf(1.2)
}

/// Lets a profile show high dynamic range on a screen without: white paper (203 nits, ITU-R BT.2408) comes out nearly white,
/// what is darker as it is, and what shines is told apart by what is left above.
fn show_by(profile: &mut ColorProfile, light: fn(f32) -> f32) {
    const PAPER: f32 = 203.0;
    const KNEE: f32 = 0.8;
    let shown = |step: u16| {
        let linear = light(f32::from(step) / f32::from(STEPS - 1)) / PAPER;
        let over = (linear - KNEE).max(0.0) / (1.0 - KNEE);
        let shown = linear.min(KNEE) + (1.0 - KNEE) * (1.0 - (-over).exp());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65,535")]
        let shown = (shown * 65_535.0).round().clamp(0.0, 65_535.0) as u16;
        shown
    };
    let curve = ToneReprCurve::Lut((0..STEPS).map(shown).collect());
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    profile.cicp = None;
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
/// Steps of a curve: sixteen between two values of eight bits.
const STEPS: u16 = 255 * 16 + 1;
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
    fn high_dynamic_range_shows_paper_as_white_and_skin_as_skin() {
        // Of each curve: the value of white paper, of a grey that reflects 18 % of what paper does, and of a lamp.
        for (transfer, paper, grey, lamp) in [(16, 148, 105, 192), (18, 191, 111, 250)] {
            let profile = profile_of(9, transfer);
            let mut pixels = [[paper; 3], [grey; 3], [lamp; 3], [0; 3]].concat();
            assert_eq!(to_srgb(profile.as_deref(), &mut pixels), ColourTreatment::Converted);
            let shown: Vec<u8> = pixels.chunks(3).map(|pixel| pixel[0]).collect();
            let [paper, grey, lamp, black] = shown.try_into().unwrap();
            assert!((240..=250).contains(&paper), "{transfer}: {paper}");
            assert!((114..=122).contains(&grey), "{transfer}: {grey}");
            assert!(lamp > paper, "{transfer}: {lamp}");
            assert_eq!(black, 0, "{transfer}");
        }
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
