//! Each limit of a picture or a text, one under, at it and one over it, with real files through the real jail.

use std::time::Duration;

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, FileKind, FindingCode, Jail, JailFault};

use super::samples;

/// What looking and decoding under these limits give: the first refusal of each.
async fn refusals(
    limits: DecodeLimits,
    kind: FileKind,
    file: &[u8],
) -> (Option<FindingCode>, Option<FindingCode>) {
    let jail = super::jail_with(limits).await;
    let sealed = SealedMemory::from_bytes(file).unwrap();
    let look = jail.look(&sealed).await.unwrap();
    let grave = look.findings.iter().map(|it| it.code).find(|code| !code.is_harmless());
    let decoded = match jail.decode(&sealed, kind, &limits).await.unwrap() {
        Decoded::Refused(code) => Some(code),
        Decoded::Image(_) | Decoded::Text(_) | Decoded::Page(_) => None,
    };
    (grave, decoded)
}

/// Holds `limits` against files of one less, as many, and one more than it allows.
async fn hold(limits: DecodeLimits, kind: FileKind, code: FindingCode, files: [Vec<u8>; 3]) {
    for (file, wanted) in files.iter().zip([None, None, Some(code)]) {
        let both = refusals(limits, kind, file).await;
        assert_eq!(both, (wanted, wanted), "{code} with {} bytes", file.len());
    }
}

#[tokio::test]
async fn pixels_and_sides_hold_under_at_and_over() {
    let pixels = DecodeLimits { max_pixels: 12, ..DecodeLimits::default() };
    let files = [samples::png(11, 1), samples::png(4, 3), samples::png(13, 1)];
    hold(pixels, FileKind::Png, FindingCode::TooManyPixels, files).await;
    let sides = DecodeLimits { max_dimension: 6, ..DecodeLimits::default() };
    let files = [samples::png(1, 5), samples::png(6, 2), samples::png(7, 1)];
    hold(sides, FileKind::Png, FindingCode::DimensionLimit, files).await;
}

#[tokio::test]
async fn frames_hold_under_at_and_over() {
    let limits = DecodeLimits { max_frames: 3, ..DecodeLimits::default() };
    let files = [samples::gif(2), samples::gif(3), samples::gif(4)];
    hold(limits, FileKind::Gif, FindingCode::FrameLimit, files).await;
}

#[tokio::test]
async fn segments_hold_under_at_and_over_in_each_format() {
    let jpeg = |comments: usize| {
        let photo = samples::jpeg(16, 16, None, None);
        [&photo[..2], &b"\xFF\xFE\0\x04hi".repeat(comments), &photo[2..]].concat()
    };
    let png = |chunks: usize| {
        let drawing = samples::png(3, 3);
        let data = drawing.windows(4).position(|four| four == b"IDAT").unwrap() - 4;
        // An empty private chunk with its checksum.
        let chunk = [&b"\0\0\0\0prIv"[..], &png_crc(b"prIv").to_be_bytes()].concat();
        [&drawing[..data], &chunk.repeat(chunks), &drawing[data..]].concat()
    };
    let gif = |comments: usize| {
        let still = samples::gif(1);
        let (trailer, rest) = still.split_last().unwrap();
        [rest, &b"\x21\xFE\x01a\0".repeat(comments), &[*trailer]].concat()
    };
    for (kind, make) in [
        (FileKind::Jpeg, &jpeg as &dyn Fn(usize) -> Vec<u8>),
        (FileKind::Png, &png),
        (FileKind::Gif, &gif),
    ] {
        let own = own_segments(&make(0));
        let limits = DecodeLimits { max_segments: own + 10, ..DecodeLimits::default() };
        let files = [make(9), make(10), make(11)];
        hold(limits, kind, FindingCode::ExpansionLimit, files).await;
    }
}

#[tokio::test]
async fn scans_hold_under_at_and_over() {
    let of = |scans: u8| {
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
        encoder.set_progressive_scans(scans);
        encoder.encode(&[120; 32 * 32], 32, 32, jpeg_encoder::ColorType::Luma).unwrap();
        file
    };
    let count = |file: &[u8]| file.windows(2).filter(|pair| *pair == [0xFF, 0xDA]).count() as u32;
    let files = [of(6), of(7), of(8)];
    let limits = DecodeLimits { max_scans: count(&files[1]), ..DecodeLimits::default() };
    assert!(count(&files[2]) == limits.max_scans + 1 && count(&files[0]) == limits.max_scans - 1);
    hold(limits, FileKind::Jpeg, FindingCode::ExpansionLimit, files).await;
}

#[tokio::test]
async fn characters_hold_under_at_and_over() {
    let limits = DecodeLimits { max_text_chars: 4, ..DecodeLimits::default() };
    let files = ["関所関", "関所関所", "関所関所関"].map(|text| text.as_bytes().to_vec());
    hold(limits, FileKind::Text, FindingCode::TextLimit, files).await;
}

#[tokio::test]
async fn time_and_memory_end_a_child_and_say_which_it_was() {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    // All coefficients of the picture are kept until its last scan: 36 MB.
    encoder.set_progressive(true);
    let pixels: Vec<u8> = (0..3000 * 2000 * 3).map(|place: u32| (place % 251) as u8).collect();
    encoder.encode(&pixels, 3000, 2000, jpeg_encoder::ColorType::Rgb).unwrap();
    let file = SealedMemory::from_bytes(&file).unwrap();
    let decode = async |jail: Jail| {
        let decoded = jail.decode(&file, FileKind::Jpeg, &DecodeLimits::default()).await;
        decoded.map(|decoded| match decoded {
            Decoded::Refused(code) => Err(code),
            _ => Ok(()),
        })
    };
    let short = super::jail_within(Duration::from_millis(1), 512 << 20).await;
    assert_eq!(decode(short).await, Err(JailFault::Timeout));
    // Enough for the view of the file and of the output, and little more.
    let small = super::jail_within(Duration::from_secs(10), 170 << 20).await;
    assert_eq!(decode(small).await, Ok(Err(FindingCode::MemoryLimit)));
    let enough = super::jail_within(Duration::from_secs(10), 512 << 20).await;
    assert_eq!(decode(enough).await, Ok(Ok(())));
}

/// Pieces of a file as the look counts them, so that a limit can be put just above.
fn own_segments(file: &[u8]) -> u32 {
    let most = (1..200).find(|most| {
        let limits = DecodeLimits { max_segments: *most, ..DecodeLimits::default() };
        let report = sekisho_jail::look::look(file, &limits);
        report.findings.iter().all(|it| it.code != FindingCode::ExpansionLimit)
    });
    most.unwrap()
}

fn png_crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    })
}
