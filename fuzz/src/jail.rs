//! What must hold of the jail's code for any bytes at all, one function for each way in.
//!
//! Each takes bytes and panics if a promise is broken. The fuzz targets call them, and so does a short
//! seeded test of the workspace.

use sekisho_jail::decode::decode as decode_file;
use sekisho_jail::look::look as look_at;
use sekisho_jail::look::text::characters::{Class, classified};
use sekisho_protocol::{
    DecodeLimits, DecodeReport, Ended, FileKind, LookReport, MAX_REPORT_BYTES, Ready, Request,
};

/// The report decoder, and the other messages: what decodes is written again as it came.
pub fn report(data: &[u8]) {
    if let Ok(report) = LookReport::decode(data) {
        assert_eq!(report.encode(), data);
    }
    if let Ok(report) = DecodeReport::decode(data) {
        assert_eq!(report.encode(), data);
    }
    if let Ok(ended) = Ended::decode(data) {
        assert_eq!(Ended::decode(&ended.encode()), Ok(ended));
    }
    if let Ok(request) = Request::decode(data) {
        assert_eq!(request.encode(), data);
    }
    if let Ok(ready) = Ready::decode(data) {
        assert_eq!(Ready::decode(&ready.encode()), Ok(ready));
    }
}

/// Every inspector, by what the bytes begin with: a report that fits its pipe and says nothing of places outside.
pub fn look(data: &[u8]) {
    let report = look_at(data, &limits());
    let encoded = report.encode();
    assert!(encoded.len() <= MAX_REPORT_BYTES);
    assert_eq!(LookReport::decode(&encoded).as_ref(), Ok(&report));
    assert!(report.findings.iter().all(|finding| finding.offset <= data.len() as u64));
}

/// The decoder of what the bytes look like.
pub fn decode(data: &[u8]) {
    decode_as(look_at(data, &limits()).kind, data);
}

/// One decoder: a refusal, or something within its limits.
pub fn decode_as(kind: FileKind, file: &[u8]) {
    let limits = limits();
    let mut output = vec![0; OUTPUT_BYTES];
    match decode_file(file, (kind, 0), &limits, &mut output) {
        Ok(DecodeReport::Image { width, height, .. }) => {
            assert!(width > 0 && height > 0 && width.max(height) <= limits.max_dimension);
            assert!(u64::from(width) * u64::from(height) <= limits.max_pixels);
        }
        Ok(DecodeReport::Text { bytes }) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let shown = std::str::from_utf8(output.get(..bytes).unwrap_or_default());
            let shown = shown.unwrap_or_else(|error| panic!("no UTF-8: {error}"));
            let odd = classified(shown).find(|(_, _, class)| *class != Class::Visible);
            assert_eq!(odd, None, "{shown:?}");
        }
        Ok(_) | Err(_) => {}
    }
}

/// The text path: look and decoder, whatever the bytes begin with.
pub fn text(data: &[u8]) {
    look(data);
    decode_as(FileKind::Text, data);
}

/// Small, so that each try is short; what lies beyond is refused by the same checks.
pub fn limits() -> DecodeLimits {
    DecodeLimits {
        max_pixels: 128 * 128,
        max_dimension: 1024,
        max_text_chars: 4096,
        ..DecodeLimits::default()
    }
}

const OUTPUT_BYTES: usize = 128 * 128 * 3 * 4 / 3;
