//! What the look finds: each kind of trouble by its own name, and nothing on honest files.

use sekisho_jail::look::look;
use sekisho_protocol::{DecodeLimits, FileKind, FindingCode, LookReport};

use super::samples;

fn codes(file: &[u8]) -> Vec<FindingCode> {
    report(file).findings.iter().map(|finding| finding.code).collect()
}

fn report(file: &[u8]) -> LookReport {
    look(file, &DecodeLimits::default())
}

fn second_format(file: &[u8], kind: FileKind) -> bool {
    report(file).findings.iter().any(|finding| {
        finding.code == FindingCode::SecondFormat && finding.value == u64::from(kind.code())
    })
}

#[test]
fn every_cut_of_a_picture_is_found() {
    for file in [
        samples::jpeg(16, 16, None, None),
        samples::png(3, 3),
        samples::gif(2),
        samples::bmp(3, 3),
        samples::tiff(3, 3, 2),
        samples::AVIF.to_vec(),
    ] {
        for end in 18..file.len() {
            let found = codes(&file[..end]);
            assert!(
                found.contains(&FindingCode::Truncated) || found.contains(&FindingCode::Malformed),
                "cut at {end} of {}: {found:?}",
                file.len()
            );
        }
    }
}

#[test]
fn a_program_or_an_archive_behind_the_end_is_named() {
    for picture in [
        samples::jpeg(16, 16, None, None),
        samples::png(3, 3),
        samples::gif(1),
        samples::bmp(3, 3),
        samples::tiff(3, 3, 1),
        samples::AVIF.to_vec(),
    ] {
        let program = [&picture[..], &samples::program()].concat();
        assert!(codes(&program).contains(&FindingCode::TrailingBytes));
        assert!(second_format(&program, FileKind::Executable));
        assert!(second_format(&[&picture[..], &samples::zip()].concat(), FileKind::Zip));
        assert!(second_format(&[&picture[..], b"<script>x</script>"].concat(), FileKind::Html));
        assert!(second_format(&[&picture[..], b"%PDF-1.7"].concat(), FileKind::Pdf));
    }
}

#[test]
fn zeros_behind_the_end_are_padding() {
    let file = [&samples::jpeg(16, 16, None, None)[..], &[0; 100]].concat();
    assert_eq!(codes(&file), [FindingCode::Padding]);
}

#[test]
fn a_few_blanks_behind_the_end_are_padding_and_more_are_not() {
    for picture in [samples::jpeg(16, 16, None, None), samples::png(3, 3), samples::gif(1)] {
        for blanks in [&b"\n"[..], b"\r\n", b"\0", b" \t\r\n\0 \t\r\n\0 \t\r\n\0\n"] {
            let file = [&picture[..], blanks].concat();
            assert_eq!(codes(&file), [FindingCode::Padding], "{blanks:?}");
        }
        for more in [&b"\n\nx"[..], &[b'\n'; 17]] {
            let file = [&picture[..], more].concat();
            assert_eq!(codes(&file), [FindingCode::TrailingBytes], "{more:?}");
        }
    }
}

#[test]
fn a_claimed_size_is_checked_before_anything_is_decoded() {
    let found = codes(&samples::claiming_png(50_000, 50_000));
    assert!(found.contains(&FindingCode::TooManyPixels));
    assert!(found.contains(&FindingCode::DimensionLimit));
}

#[test]
fn limits_hold_at_and_over() {
    let limits = DecodeLimits {
        max_pixels: 12,
        max_dimension: 6,
        max_frames: 2,
        max_text_chars: 3,
        ..DecodeLimits::default()
    };
    let found = |file: &[u8]| -> Vec<FindingCode> {
        look(file, &limits).findings.iter().map(|finding| finding.code).collect()
    };
    assert_eq!(found(&samples::png(6, 2)), []);
    assert_eq!(found(&samples::png(7, 1)), [FindingCode::DimensionLimit]);
    assert_eq!(found(&samples::png(5, 3)), [FindingCode::TooManyPixels]);
    assert_eq!(found(&samples::gif(2)), [FindingCode::FramesIgnored]);
    assert_eq!(found(&samples::gif(3)), [FindingCode::FrameLimit]);
    assert_eq!(found(&samples::bmp(6, 2)), []);
    assert_eq!(found(&samples::bmp(7, 1)), [FindingCode::DimensionLimit]);
    assert_eq!(found(&samples::bmp(5, 3)), [FindingCode::TooManyPixels]);
    assert_eq!(found(&samples::tiff(6, 2, 1)), []);
    assert_eq!(found(&samples::tiff(7, 1, 1)), [FindingCode::DimensionLimit]);
    assert_eq!(found(&samples::tiff(5, 3, 1)), [FindingCode::TooManyPixels]);
    assert_eq!(found(&samples::tiff(1, 2, 2)), [FindingCode::FramesIgnored]);
    assert_eq!(found(&samples::tiff(1, 2, 3)), [FindingCode::FrameLimit]);
    assert_eq!(found("関所関".as_bytes()), []);
    assert_eq!(found("関所関所".as_bytes()), [FindingCode::TextLimit]);
}

#[test]
fn what_is_not_decoded_is_named_by_its_kind() {
    for (file, kind) in [
        (samples::zip(), FileKind::Zip),
        (samples::program(), FileKind::Executable),
        (b"<html><body>".to_vec(), FileKind::Html),
        (b"<svg xmlns='x'>".to_vec(), FileKind::Svg),
        (b"#!/bin/sh\n".to_vec(), FileKind::Script),
        (vec![0, 1, 2, 3, 0xFF], FileKind::Unknown),
    ] {
        assert_eq!(report(&file).kind, kind);
        assert!(codes(&file).contains(&FindingCode::UnsupportedType), "{kind}");
    }
    assert_eq!(codes(b"")[0], FindingCode::EmptyFile);
}

#[test]
fn what_begins_like_a_picture_and_is_none_is_not_called_one() {
    assert_eq!(report("BMIは22でした。".as_bytes()).kind, FileKind::Text);
    let raw = |start: &[u8]| {
        let mut file = samples::tiff(3, 3, 1);
        file[..start.len()].copy_from_slice(start);
        // The kind of pixels: those of a sensor.
        let kind = file.windows(4).position(|four| four == [6, 1, 4, 0]).unwrap();
        file[kind + 8..kind + 10].copy_from_slice(&32_803u16.to_le_bytes());
        file
    };
    for file in [raw(b"II*\0"), raw(b"IIRO\x08\0\0\0"), raw(b"IIU\0")] {
        assert_eq!(report(&file).kind, FileKind::OtherImage);
        assert_eq!(codes(&file)[0], FindingCode::UnsupportedType);
    }
    assert_eq!(codes(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0")[0], FindingCode::UnsupportedType);
}

#[test]
fn hostile_text_is_named_and_honest_text_is_not() {
    for (text, code) in [
        ("see <b>this</b>", FindingCode::Markup),
        ("JavaScript:alert(1)", FindingCode::ActiveLink),
        ("a\u{202E}b", FindingCode::BidiOverride),
        ("a\u{200B}b", FindingCode::InvisibleCharacters),
        ("\u{1B}[2J", FindingCode::TerminalEscape),
    ] {
        assert_eq!(codes(text.as_bytes()), [code], "{text:?}");
    }
    assert_eq!(codes("熱は37.5 < 38です。👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}\r\n".as_bytes()), []);
    assert!(codes(b"caf\xE9").contains(&FindingCode::NotUtf8));
}

#[test]
fn camera_photos_have_no_finding_but_harmless_ones() {
    let mut seen = 0;
    for path in super::pictures::photos() {
        let report = report(&std::fs::read(&path).unwrap());
        assert_eq!(report.kind, FileKind::Jpeg);
        let grave: Vec<_> = report.findings.iter().filter(|f| !f.code.is_harmless()).collect();
        assert!(grave.is_empty(), "{}: {grave:?}", path.display());
        seen += 1;
    }
    assert!(seen > 0 || std::env::var_os("CI").is_none());
}

#[test]
fn any_byte_changed_is_survived() {
    for file in [
        samples::jpeg(16, 16, Some(6), None),
        samples::png(3, 3),
        samples::gif(2),
        samples::bmp(3, 3),
        samples::tiff(3, 3, 2),
        samples::AVIF.to_vec(),
    ] {
        for place in 0..file.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut changed = file.clone();
                changed[place] = value;
                let _ = report(&changed);
                let mut output = vec![0; 3 * 64 * 64];
                let limits = DecodeLimits { max_pixels: 64 * 64, ..DecodeLimits::default() };
                let kind = report(&changed).kind;
                let _ = sekisho_jail::decode::decode(&changed, (kind, 0), &limits, &mut output);
            }
        }
    }
}
