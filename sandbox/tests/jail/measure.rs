//! Figures, on demand: `cargo nextest run -p sekisho-jail --run-ignored only --no-capture measure`.

use std::time::{Duration, Instant};

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, FileKind, Jail};
use sekisho_jail::look::look;
use sekisho_jail::rules::Rules;
use sekisho_protocol::RuleSource;
use zune_core::bytestream::ZCursor;

use super::{documents, samples};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn cost_of_the_jail_and_of_decoding() {
    let jail = super::jail().await;
    let note = SealedMemory::from_bytes(b"hello").unwrap();
    let mut looks = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        jail.look(&note).await.unwrap();
        looks.push(begin.elapsed());
    }
    println!("look at five bytes, back to back: {:?}", median(looks));
    let mut looks = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let begin = Instant::now();
        jail.look(&note).await.unwrap();
        looks.push(begin.elapsed());
    }
    println!("look at five bytes, one every ten milliseconds: {:?}", median(looks));
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    for (name, orientation, profile) in
        [("plain", None, None), ("turned", Some(6), None), ("display p3", None, Some(&p3[..]))]
    {
        let file = samples::noise(4000, 3000, orientation, profile);
        let sealed = SealedMemory::from_bytes(&file).unwrap();
        let (mut jailed, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let begin = Instant::now();
            jail.decode(&sealed, FileKind::Jpeg, &DecodeLimits::default()).await.unwrap();
            jailed.push(begin.elapsed());
            let begin = Instant::now();
            zune_jpeg::JpegDecoder::new(ZCursor::new(&file)).decode().unwrap();
            bare.push(begin.elapsed());
        }
        let mut looks = Vec::new();
        for _ in 0..9 {
            let begin = Instant::now();
            jail.look(&sealed).await.unwrap();
            looks.push(begin.elapsed());
        }
        println!(
            "{name}, {} kB: jailed {:?}, bare decoder {:?}, look {:?}",
            file.len() / 1000,
            median(jailed),
            median(bare),
            median(looks)
        );
    }
}

/// Bytes of memory a pixel at 12 megapixels, output and all; one process a test, as the high-water mark never falls.
fn memory_of(program: &str, arguments: &[&str], kind: FileKind) {
    memory_up_to(10, program, arguments, kind);
}

fn memory_up_to(most: u64, program: &str, arguments: &[&str], kind: FileKind) {
    let folder = std::env::temp_dir().join(format!("sekisho-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, made) = (folder.join("source.pnm"), folder.join("made"));
    let noise = samples::noise_rgb(4000, 3000);
    std::fs::write(&source, [&b"P6\n4000 3000\n255\n"[..], &noise].concat()).unwrap();
    drop(noise);
    let script = format!("set -e; cd {}; {program} {}", folder.display(), arguments.join(" "));
    let status = std::process::Command::new("/bin/sh").args(["-c", &script]).status().unwrap();
    assert!(status.success());
    let file = std::fs::read(&made).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = high_water_mark();
    let mut output = vec![0; 4000 * 3000 * 3];
    let limits = DecodeLimits::default();
    let begin = Instant::now();
    sekisho_jail::decode::decode(&file, (kind, 0), &limits, &mut output).unwrap();
    let (time, bytes) = (begin.elapsed(), high_water_mark() - before);
    println!(
        "{kind}: {} kB, {time:?}, {} bytes for 10 pixels",
        file.len() / 1000,
        bytes * 10 / 12_000_000
    );
    assert!(bytes <= 12_000_000 * most + (64 << 20), "{bytes}");
}

fn high_water_mark() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "a measurement"]
fn memory_of_jpeg() {
    memory_up_to(5, "pnmtojpeg -quality=92 source.pnm", &["> made"], FileKind::Jpeg);
}

#[test]
#[ignore = "a measurement"]
fn memory_of_progressive_jpeg() {
    memory_of("pnmtojpeg -quality=92 -progressive source.pnm", &["> made"], FileKind::Jpeg);
}

#[test]
#[ignore = "a measurement"]
fn memory_of_png() {
    memory_up_to(5, "pnmtopng source.pnm", &["> made"], FileKind::Png);
}

const TO_AVIF: &str = "pnmtopng source.pnm > a.png; avifenc -j 2 -s 10";

#[test]
#[ignore = "a measurement"]
fn memory_of_avif() {
    memory_of(TO_AVIF, &["-y 420 a.png made.avif; mv made.avif made"], FileKind::Avif);
}

#[test]
#[ignore = "a measurement"]
fn memory_of_avif_of_ten_bits() {
    memory_of(TO_AVIF, &["-y 444 -d 10 a.png made.avif; mv made.avif made"], FileKind::Avif);
}

#[test]
#[ignore = "a measurement"]
fn memory_of_tiff() {
    memory_of("pnmtotiff -truecolor -lzw source.pnm", &["> made"], FileKind::Tiff);
}

#[test]
#[ignore = "a measurement"]
fn memory_of_tiff_in_jpeg() {
    let how = "pnmtotiff -truecolor -none source.pnm > a.tif; tiffcp -c jpeg:90 -r 3000 a.tif made";
    memory_of(how, &[], FileKind::Tiff);
}

#[test]
#[ignore = "a measurement"]
fn memory_of_bmp() {
    memory_of("ppmtobmp -bpp=24 source.pnm", &["> made"], FileKind::Bmp);
}

/// Pages in the jail against poppler at the same resolution, one process each, start to end.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn cost_of_pages() {
    let jail = super::jail().await;
    let words = "Lorem ipsum ".repeat(9);
    let print: Vec<String> = (0..60)
        .map(|line| format!("BT/F1 9 Tf 40 {} Td({words})Tj ET ", 790 - line * 12))
        .collect();
    let lines: Vec<String> = (0..3000)
        .map(|n| format!("{} {} m {} {} l S ", n % 595, n % 842, n * 7 % 595, n * 13 % 842))
        .collect();
    let (print, lines) = (print.concat(), lines.concat());
    let scan = samples::noise(2480, 3508, None, None);
    let pages = [
        ("print", "200", print, None),
        ("lines", "200", lines, None),
        ("a scan", "300", "595.2 0 0 841.92 0 0 cm/P Do".to_owned(), Some(scan.clone())),
        ("a scan on half a page", "200", "297.6 0 0 420.96 0 0 cm/P Do".to_owned(), Some(scan)),
    ];
    for (name, dots, content, picture) in pages {
        let file = page(&content, picture.as_deref());
        let sealed = SealedMemory::from_bytes(&file).unwrap();
        let path = std::env::temp_dir().join(format!("sekisho-page-{}.pdf", std::process::id()));
        std::fs::write(&path, &file).unwrap();
        let (mut ours, mut busy, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..9 {
            let begin = Instant::now();
            let limits = DecodeLimits::default();
            let page = (FileKind::Pdf, 0);
            let drawn = jail.decode_early(&sealed, page, &limits, Duration::MAX).await;
            ours.push(begin.elapsed());
            let Ok((Decoded::Page(_), end)) = drawn else { panic!("{name}: {drawn:?}") };
            busy.push(end.processor().await.unwrap());
            let begin = Instant::now();
            let output =
                std::process::Command::new("pdftoppm").args(["-r", dots]).arg(&path).output();
            assert!(output.unwrap().stdout.len() > 1_000_000);
            theirs.push(begin.elapsed());
        }
        std::fs::remove_file(&path).unwrap();
        let (ours, busy, theirs) = (median(ours), median(busy), median(theirs));
        println!("{name}: jailed {ours:?} (of a processor {busy:?}), pdftoppm {theirs:?}");
    }
}

fn page(content: &str, picture: Option<&[u8]>) -> Vec<u8> {
    let stream = |dict: &str, data: &[u8]| {
        let head = format!("<</Length {}{dict}>>\nstream\n", data.len());
        [head.as_bytes(), data, b"\nendstream"].concat()
    };
    let image = "/Type/XObject/Subtype/Image/Width 2480/Height 3508/ColorSpace/DeviceRGB\
                 /BitsPerComponent 8/Filter/DCTDecode";
    // A picture that is named and not there is a gap.
    let named = picture.map_or("", |_| "/XObject<</P 6 0 R>>");
    let sheet = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.2 841.92]/Contents 4 0 R/Resources\
         <</Font<</F1 5 0 R>>{named}>>>>"
    );
    documents::file_of(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        sheet.into_bytes(),
        stream("", content.as_bytes()),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(),
        picture.map_or_else(|| b"null".to_vec(), |picture| stream(image, picture)),
    ])
}

/// What a large set costs each file: the scan itself, and what the jail adds to it. `SEKISHO_RULES` says how large.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn cost_of_a_large_set_of_rules() {
    let count = std::env::var("SEKISHO_RULES").map_or(1000, |count| count.parse().unwrap());
    let file = samples::noise(4000, 3000, None, None);
    let sealed = SealedMemory::from_bytes(&file).unwrap();
    for rules in [1, count] {
        let text: String = (0..rules).map(rule).collect();
        let begin = Instant::now();
        let config = super::config(vec![("set.yar".to_owned(), text.clone().into_bytes())]);
        let jail = Jail::start(config).await.unwrap();
        let started = begin.elapsed();
        let source = RuleSource { name: "set.yar".to_owned(), text: text.into_bytes() };
        let mut compiled = Rules::compile(&[source]);
        let (mut jailed, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            // Whoever waits for a file gives the jail time to fork the next children, as the service does.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let begin = Instant::now();
            jail.look(&sealed).await.unwrap();
            jailed.push(begin.elapsed());
            let begin = Instant::now();
            compiled.scan(&file).unwrap();
            look(&file, &DecodeLimits::default());
            bare.push(begin.elapsed());
        }
        println!(
            "{rules} rules, {} kB: start {started:?}, look in the jail {:?}, scan and look alone {:?}",
            file.len() / 1000,
            median(jailed),
            median(bare),
        );
    }
}

/// Three strings that are nowhere, each of its own.
fn rule(number: u32) -> String {
    let word = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    format!(
        "rule synthetic_{number} {{ strings: $a = \"{word:016x}\" $b = {{ {:02X} ?? {:02X} 5A {:02X} 77 31 {:02X} }}\
         $c = /s{word:x}[0-9]{{3,6}}z/ condition: any of them }}\n",
        word & 255,
        word >> 8 & 255,
        word >> 16 & 255,
        word >> 24 & 255,
    )
}
