//! Pictures in documents: what drawing them takes is reckoned before it is taken, so a page that needs more memory than a
//! child may have is refused by name, and one that is let in fits.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, FileKind, FindingCode, JailLimits};
use sekisho_jail::decode::decode;

use super::documents::file_of;
use super::samples;

#[tokio::test(flavor = "multi_thread")]
async fn memory_holds_under_and_at_for_pictures_of_plain_data() {
    hold(of_plain_data()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_holds_under_and_at_for_pictures_in_codings_of_their_own() {
    hold(in_codings()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_holds_under_and_at_for_masks_and_layers() {
    hold(with_others()).await;
}

async fn hold(documents: Vec<(&'static str, Vec<u8>)>) {
    for (name, file) in documents {
        let least = least(name, &file);
        println!("{name}, {} kB: {} MiB", file.len() / 1000, least / MEGABYTE);
        let sealed = SealedMemory::from_bytes(&file).unwrap();
        let jail = super::jail_within(Duration::from_mins(1), least).await;
        for (memory, fits) in [(least - MEGABYTE, false), (least, true)] {
            let drawn = jail.decode(&sealed, FileKind::Pdf, &limits(memory)).await;
            let is_as_said = match &drawn {
                Ok(Decoded::Page(_)) => fits,
                Ok(Decoded::Refused(FindingCode::MemoryLimit)) => !fits,
                _ => false,
            };
            assert!(is_as_said, "{name} within {memory}: {drawn:?}");
        }
    }
}

#[test]
fn what_claims_too_much_is_refused_before_any_of_it_is_taken() {
    let vast = 20_000_u32;
    let tiny = |more: &str, data: Vec<u8>| page(&[(sized((9, 9), more), data)], 1);
    let within = |from: &[u8], place: usize| {
        let mut file = from.to_vec();
        file[place..place + 8].copy_from_slice(&[vast.to_be_bytes(); 2].concat());
        file
    };
    let fax = format!("/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {vast}>>");
    let (dict, data) = plain((6000, 6000), "/ColorSpace/DeviceRGB/BitsPerComponent 8", 300_000_000);
    let unpacks = page(&[(dict.clone(), data.clone())], 1);
    let masked = page(&[more(rgb(), "/SMask 6 0 R"), (dict, data)], 1);
    let wide = plain((30_000, 1), "/ColorSpace/DeviceGray/BitsPerComponent 8", 30_000);
    let [width, height] = POINTS;
    let again = format!("q {width} 0 0 {height} 0 0 cm/P0 Do Q ").repeat(100);
    let piled = shown(&[of("/DeviceGray", 8, 1)], &again);
    let stretched = shown(&[wide], &"q 100 0 0 99999 0 0 cm/P0 Do Q ".repeat(99));
    for (name, file, code) in [
        (
            "jpeg 2000",
            tiny("/Filter/JPXDecode", within(&wavelets().1, 8)),
            FindingCode::TooManyPixels,
        ),
        ("jbig2", tiny("/Filter/JBIG2Decode", within(&jbig2().1, 11)), FindingCode::TooManyPixels),
        ("fax", page(&[(sized((9, vast), &fax), vec![0xFF; 2600])], 1), FindingCode::TooManyPixels),
        ("data", unpacks, FindingCode::MemoryLimit),
        ("a mask", masked, FindingCode::MemoryLimit),
        ("a line drawn as a field", stretched, FindingCode::MemoryLimit),
        ("a hundred, one over the other", piled, FindingCode::MemoryLimit),
    ] {
        let mut output = vec![0; 24_000_000];
        let limits = limits(JailLimits::default().memory_bytes);
        let refused = decode(&file, (FileKind::Pdf, 0), &limits, &mut output);
        assert_eq!(refused.err(), Some(code), "{name}");
    }
}

#[tokio::test]
async fn what_no_header_tells_is_found_by_the_child_that_is_full() {
    let jail = super::jail_within(Duration::from_secs(10), 128 * MEGABYTE).await;
    let dashes = shown(&[], "[.0005] 0 d 0 0 m 768 576 l 0 576 l 768 0 l S ");
    let sealed = SealedMemory::from_bytes(&dashes).unwrap();
    let drawn = jail.decode(&sealed, FileKind::Pdf, &limits(1 << 40)).await;
    assert!(matches!(drawn, Ok(Decoded::Refused(FindingCode::MemoryLimit))), "{drawn:?}");
}

#[test]
fn photographs_and_scans_of_the_usual_sizes_fit_into_the_default() {
    let photo = |progressive, sampling| jpeg_of((8000, 6000), progressive, sampling);
    let (halved, fine) = (SamplingFactor::R_4_2_0, SamplingFactor::R_4_4_4);
    // A4 at 600 dots an inch.
    let scan = |dict: &str, bytes| plain((4960, 7016), dict, bytes);
    let rgb = scan("/ColorSpace/DeviceRGB/BitsPerComponent 8", 4960 * 7016 * 3);
    let bits = scan("/ColorSpace/DeviceGray/BitsPerComponent 1", 4960 * 7016 / 8);
    for (name, picture, fits) in [
        ("48 megapixels", photo(false, halved), true),
        ("48 megapixels, progressive", photo(true, halved), true),
        ("48 megapixels, progressive, unhalved", photo(true, fine), false),
        ("a scan in colour", rgb, true),
        ("a scan of bits", bits, true),
    ] {
        let file = page(&[picture], 1);
        let output = DecodeLimits::default().max_page_pixels * 3;
        let memory = JailLimits::default().memory_bytes - output;
        let limits = DecodeLimits { max_memory: memory, ..DecodeLimits::default() };
        let refused = decode(&file, (FileKind::Pdf, 0), &limits, &mut []).unwrap_err();
        assert_eq!(refused != FindingCode::MemoryLimit, fits, "{name}: {refused:?}");
    }
}

/// The least memory, in whole megabytes, with which a page is not refused for the lack of it. It is not drawn: there is no
/// room for its pixels.
fn least(name: &str, file: &[u8]) -> u64 {
    let is_enough = |megabytes: u64| {
        let beside = (megabytes * MEGABYTE).saturating_sub(limits(0).max_page_pixels * 3);
        match decode(file, (FileKind::Pdf, 0), &limits(beside), &mut []) {
            Err(FindingCode::TooManyPixels) => true,
            Err(FindingCode::MemoryLimit) => false,
            other => panic!("{name}: {other:?}"),
        }
    };
    let (mut too_little, mut enough) = (0, JailLimits::default().memory_bytes / MEGABYTE);
    while too_little + 1 < enough {
        let middle = u64::midpoint(too_little, enough);
        *(if is_enough(middle) { &mut enough } else { &mut too_little }) = middle;
    }
    enough * MEGABYTE
}

fn limits(memory: u64) -> DecodeLimits {
    DecodeLimits { max_page_pixels: 8_000_000, max_memory: memory, ..DecodeLimits::default() }
}

/// A picture's dictionary but for its length, and its data.
type Picture = (String, Vec<u8>);

fn of_plain_data() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("red, green and blue", one(rgb())),
        ("differences", one(differences())),
        ("sixteen bits", one(of("/DeviceRGB", 16, 3))),
        ("bits", one(of("/DeviceGray", 1, 1))),
        ("inks", one(of("/DeviceCMYK", 8, 4))),
        ("listed colours", one(of("[/Indexed/DeviceRGB 1<000000FFFFFF>]", 8, 1))),
        ("listed colours, four bits", one(of("[/Indexed/DeviceRGB 1<000000FFFFFF>]", 4, 1))),
    ]
}

fn in_codings() -> Vec<(&'static str, Vec<u8>)> {
    let small = |picture: Picture| shown(&[picture], "150 0 0 110 0 0 cm/P0 Do");
    vec![
        ("jpeg", one(jpeg(false))),
        ("progressive jpeg", one(jpeg(true))),
        ("jpeg, small on the page", small(jpeg(false))),
        ("fax", one(fax())),
        ("jbig2", one(jbig2())),
        ("jpeg 2000", one(wavelets())),
        ("jpeg 2000, small on the page", small(wavelets())),
    ]
}

fn with_others() -> Vec<(&'static str, Vec<u8>)> {
    let masked = |mask: Picture| page(&[more(rgb(), "/SMask 6 0 R"), mask], 1);
    let smaller = plain((800, 600), "/ColorSpace/DeviceGray/BitsPerComponent 8", 480_000);
    vec![
        ("colours left out", one(more(rgb(), "/Mask[0 1 0 1 0 1]"))),
        ("a mask", masked(of("/DeviceGray", 8, 1))),
        ("a mask of four bits", masked(of("/DeviceGray", 4, 1))),
        ("a smaller mask", masked(smaller)),
        ("a stencil", one(plain(SIDES, "/ImageMask true/BitsPerComponent 1", PIXELS / 8))),
        ("within the drawing", shown(&[], &within())),
        ("six, one over the other", page(&vec![rgb(); 6], 6)),
    ]
}

fn one(picture: Picture) -> Vec<u8> {
    page(&[picture], 1)
}

/// A sheet at 300 dots an inch with the first of these pictures on the whole of it, one over the other.
fn page(pictures: &[Picture], drawn: usize) -> Vec<u8> {
    let [width, height] = POINTS;
    let draw = |number| format!("q {width} 0 0 {height} 0 0 cm/P{number} Do Q ");
    shown(pictures, &(0..drawn).map(draw).collect::<String>())
}

fn shown(pictures: &[Picture], drawing: &str) -> Vec<u8> {
    let named = |number: usize| format!("/P{number} {} 0 R", 5 + number);
    let names: String = (0..pictures.len()).map(named).collect();
    let stream = |dict: &str, data: &[u8]| {
        let head = format!("<<{dict}/Length {}>>\nstream\n", data.len());
        [head.as_bytes(), data, b"\nendstream"].concat()
    };
    let [width, height] = POINTS;
    let sheet = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents 4 0 R\
         /Resources<</XObject<<{names}>>>>>>"
    );
    let mut bodies = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        sheet.into_bytes(),
        stream("", drawing.as_bytes()),
    ];
    bodies.extend(pictures.iter().map(|(dict, data)| stream(dict, data)));
    file_of(&bodies)
}

fn sized((width, height): (u32, u32), more: &str) -> String {
    format!("/Type/XObject/Subtype/Image/Width {width}/Height {height}{more}")
}

fn more((dict, data): Picture, more: &str) -> Picture {
    (dict + more, data)
}

/// So many bytes of the same, deflated.
fn plain(sides: (u32, u32), more: &str, bytes: usize) -> Picture {
    let data = deflated(&vec![0x11; bytes]);
    (sized(sides, &format!("{more}/Filter/FlateDecode")), data)
}

fn of(colours: &str, bits: usize, components: usize) -> Picture {
    let dict = format!("/ColorSpace{colours}/BitsPerComponent {bits}");
    plain(SIDES, &dict, PIXELS * bits * components / 8)
}

fn rgb() -> Picture {
    of("/DeviceRGB", 8, 3)
}

fn differences() -> Picture {
    let rows = vec![0; (SIDES.0 as usize * 3 + 1) * SIDES.1 as usize];
    let how = format!("/DecodeParms<</Predictor 15/Colors 3/Columns {}>>", SIDES.0);
    let dict = format!("/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode{how}");
    (sized(SIDES, &dict), deflated(&rows))
}

fn jpeg(progressive: bool) -> Picture {
    let (width, height) = (SIDES.0 as u16, SIDES.1 as u16);
    let pixels = samples::noise_rgb(width, height);
    jpeg_from(&pixels, (width, height), progressive, SamplingFactor::R_4_4_4)
}

fn jpeg_of(sides: (u16, u16), progressive: bool, sampling: SamplingFactor) -> Picture {
    let pixels = vec![99; usize::from(sides.0) * usize::from(sides.1) * 3];
    jpeg_from(&pixels, sides, progressive, sampling)
}

fn jpeg_from(
    pixels: &[u8],
    (width, height): (u16, u16),
    progressive: bool,
    sampling: SamplingFactor,
) -> Picture {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    encoder.set_progressive(progressive);
    encoder.set_sampling_factor(sampling);
    encoder.encode(pixels, width, height, ColorType::Rgb).unwrap();
    let dict = "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode";
    (sized((width.into(), height.into()), dict), file)
}

/// A white page: one bit says of each row that it is as the row before.
fn fax() -> Picture {
    let how = format!("/DecodeParms<</K -1/Columns {}>>", SIDES.0);
    let dict = format!("/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode{how}");
    (sized(SIDES, &dict), vec![0xFF; SIDES.1 as usize / 8 + 1])
}

/// A page on which nothing is, and its end.
fn jbig2() -> Picture {
    let mut file = b"\0\0\0\0\x30\0\x01\0\0\0\x13".to_vec();
    file.extend([SIDES.0.to_be_bytes(), SIDES.1.to_be_bytes()].concat());
    file.extend([0; 11]);
    file.extend(b"\0\0\0\x01\x31\0\x01\0\0\0\0");
    (sized(SIDES, "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode"), file)
}

/// Three components in one tile, of which nothing comes: a middle grey.
fn wavelets() -> Picture {
    let sides = [SIDES.0.to_be_bytes(), SIDES.1.to_be_bytes()].concat();
    let file = [
        &b"\xFF\x4F\xFF\x51\0\x2F\0\0"[..],
        &sides,
        &[0; 8],
        &sides,
        &[0; 8],
        b"\0\x03\x07\x01\x01\x07\x01\x01\x07\x01\x01",
        // One layer, five halvings, blocks of 64 by 64.
        b"\xFF\x52\0\x0C\0\0\0\x01\0\x05\x04\x04\0\x01",
        b"\xFF\x5C\0\x13\x40\x40\x48\x48\x50\x48\x48\x50\x48\x48\x50\x48\x48\x50\x48\x48\x50",
        // A packet for each component in each size, all empty.
        b"\xFF\x90\0\x0A\0\0\0\0\0\x20\0\x01\xFF\x93",
        &[0; 18],
        b"\xFF\xD9",
    ]
    .concat();
    (sized(SIDES, "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/JPXDecode"), file)
}

/// A picture that stands among the drawing instructions.
fn within() -> String {
    let [width, height] = POINTS;
    let mut digits = String::new();
    for byte in deflated(&vec![99; PIXELS]) {
        write!(digits, "{byte:02x}").unwrap();
    }
    format!(
        "{width} 0 0 {height} 0 0 cm BI/W {}/H {}/CS/G/BPC 8/F[/AHx/Fl] ID {digits}> EI",
        SIDES.0, SIDES.1
    )
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

const SIDES: (u32, u32) = (3200, 2400);
const PIXELS: usize = 3200 * 2400;
/// The same at 300 dots an inch.
const POINTS: [u32; 2] = [768, 576];
const MEGABYTE: u64 = 1 << 20;
