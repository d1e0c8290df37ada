//! QR codes as inline SVG: a drawing without style attributes or scripts, allowed by the policy.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::http::Failure;

/// Smallest size in pixels; the sheet scales it.
const SIZE: u32 = 220;

/// The drawing of a text.
///
/// # Errors
/// If the text is too long for a QR code.
pub(super) fn svg(text: &str) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|_| Failure::internal("a text does not fit a QR code"))?;
    let document = code.render::<svg::Color<'_>>().min_dimensions(SIZE, SIZE).build();
    // The XML declaration has no place inside HTML.
    let start = document.find("<svg").unwrap_or(0);
    Ok(document.get(start..).unwrap_or_default().to_owned())
}
