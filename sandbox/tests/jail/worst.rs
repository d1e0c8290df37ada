//! The worst that 50 MB can be: each file must come to an answer of its own, in time and within the child's memory.

use std::time::Instant;

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, FileKind, Jail, JailFault};

use super::samples;

/// The service's largest file; a quarter of it where the searches of dependencies are built without optimisation, which
/// makes them more than four times as slow. Whole with `SEKISHO_JAIL=target/release/sekisho-jail`.
fn largest() -> usize {
    let is_slow = cfg!(debug_assertions) && std::env::var_os(super::OTHER_PROGRAM).is_none();
    if is_slow { 12_500_000 } else { 50_000_000 }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flood_of_the_largest_size_gets_a_clean_answer() {
    let jail = super::jail().await;
    for (name, file) in floods() {
        answer(&jail, name, &file).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flood_of_objects_gets_a_clean_answer() {
    let jail = super::jail().await;
    for (name, file) in documents() {
        answer(&jail, name, &file).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_of_the_most_pixels_gets_a_clean_answer() {
    let jail = super::jail().await;
    for (name, file) in pictures() {
        answer(&jail, name, &file).await;
    }
}

/// Looks and decodes; a fault (killed for ten seconds of a processor, its memory, a crash) is no answer.
async fn answer(jail: &Jail, name: &str, file: &[u8]) {
    let sealed = SealedMemory::from_bytes(file).unwrap();
    let begun = Instant::now();
    let look = jail.look(&sealed).await;
    let looked = begun.elapsed();
    let look = look.unwrap_or_else(|fault| panic!("{name}: {fault:?} after {looked:?}"));
    let kind = if look.kind.is_decodable() { look.kind } else { FileKind::Jpeg };
    let begun = Instant::now();
    let decoded: Result<Decoded, JailFault> =
        jail.decode(&sealed, kind, &DecodeLimits::default()).await;
    let took = begun.elapsed();
    println!(
        "{name}, {} kB: {} in {looked:?}, {} in {took:?}",
        file.len() / 1000,
        look.kind,
        match &decoded {
            Ok(Decoded::Refused(code)) => code.to_string(),
            Ok(_) => "decoded".to_owned(),
            Err(fault) => panic!("{name}: {fault:?} after {took:?}"),
        }
    );
}

/// Structures without end.
fn floods() -> Vec<(&'static str, Vec<u8>)> {
    let filled = |start: &[u8], piece: &[u8]| {
        let mut file = start.to_vec();
        while file.len() + piece.len() <= largest() {
            file.extend(piece);
        }
        file
    };
    let png = samples::png(3, 3);
    let data = png.windows(4).position(|four| four == b"IDAT").unwrap() - 4;
    let jpeg = samples::jpeg(16, 16, None, None);
    let longest = |fill: &[u8]| {
        let mut segment = b"\xFF\xFE\xFF\xFF".to_vec();
        segment.extend(fill.iter().cycle().take(65_533));
        segment
    };
    let gif = samples::gif(1);
    let frame = &gif[19..gif.len() - 1];
    let block = [&[255][..], &[b'a'; 255]].concat();
    vec![
        ("ones", vec![0xFF; largest()]),
        ("a marker and ones", filled(b"\xFF\xD8", &[0xFF; 1000])),
        ("short segments", filled(b"\xFF\xD8", b"\xFF\xE1\0\x02")),
        ("comments of tags", filled(b"\xFF\xD8", &longest(b"<"))),
        ("comments of half tags", filled(b"\xFF\xD8", &longest(b"<s"))),
        ("comments of half programs", filled(b"\xFF\xD8", &longest(b"MZ"))),
        ("comments of half scripts", filled(b"\xFF\xD8", &longest(b"*/(\x01"))),
        ("tags behind a picture", filled(&jpeg, b"<")),
        ("programs behind a picture", filled(&jpeg, b"MZ")),
        ("empty chunks", filled(&png[..data], b"\0\0\0\0prIv\0\0\0\0")),
        ("small chunks", filled(&png[..data], &[&b"\0\0\x01\xF0tEXt"[..], &[b'a'; 500]].concat())),
        ("frames", filled(&gif[..gif.len() - 1], frame)),
        ("comment blocks", filled(&[&gif[..19], b"\x21\xFE"].concat(), &block)),
        ("webp chunks", filled(b"RIFF\xF0\xF0\xFA\x02WEBP", b"junk\0\0\0\0")),
        ("boxes", filled(b"\0\0\0\x14ftypheic\0\0\0\0heic", b"\0\0\0\x08free")),
        ("items", many_items(60_000)),
        ("tags of millions of values", chain_of_directories(4000)),
        ("text", "息が苦しいです。".as_bytes().repeat(largest() / 24)),
        ("letters", vec![b'a'; largest()]),
        ("open tags", b"<img ".repeat(largest() / 5)),
        ("zeros", vec![0; largest()]),
    ]
}

/// A TIFF of so many directories, each of whose tags has the whole file as its values.
fn chain_of_directories(count: u32) -> Vec<u8> {
    let values = u32::try_from(largest()).unwrap() - 8;
    let mut file = b"MM\0*\0\0\0\x08".to_vec();
    for number in 1..=count {
        file.extend(3u16.to_be_bytes());
        for tag in [262u16, 273, 279] {
            file.extend(tag.to_be_bytes());
            file.extend(1u16.to_be_bytes());
            file.extend(values.to_be_bytes());
            file.extend(8u32.to_be_bytes());
        }
        let next = if number < count { 8 + number * 42 } else { 0 };
        file.extend(next.to_be_bytes());
    }
    file.resize(largest(), 1);
    file
}

/// Documents in which each object leads to many others.
fn documents() -> Vec<(&'static str, Vec<u8>)> {
    let document = |parts: &[Vec<u8>]| {
        let head = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
            2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n\
            3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n";
        let end = b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n";
        [&head[..], &parts.concat(), end].concat()
    };
    let numbered =
        |text: fn(u32) -> String| (10..90_000).map(text).collect::<String>().into_bytes();
    let packed = |filter: &str, first: usize, data: &[u8]| {
        let head = format!("<</N 9/First {first}/Filter{filter}>>stream\n");
        [head.as_bytes(), data, b"\nendstream\n"].concat()
    };
    let begin = |text: &[u8]| [b"7 0 obj", text].concat();
    let letters = [vec![b'x'; 60_000], b")".to_vec()].concat();
    let through = format!("[{}]", "7 0 R ".repeat(30));
    let heads = numbered(|n| format!("{n} {n} "));
    let nested = [&heads[..], &b"<<".repeat(largest() / 4)].concat();
    let actions = numbered(|n| format!("/OpenAction {n} 0 R"));
    vec![
        (
            "streams of objects that refer to a long one",
            document(&[begin(b"("), letters, packed(&through, 1, b"x").repeat(largest() / 280)]),
        ),
        ("streams of objects", document(&[packed("/Fl", 1, b"x").repeat(largest() / 60)])),
        (
            "objects within objects",
            document(&[begin(b"<<"), actions.clone(), packed("[]", heads.len(), &nested)]),
        ),
        (
            "actions without end",
            document(&[
                begin(b"<<"),
                actions,
                numbered(|n| format!("{n} 0 obj<</Next[{}", "<<".repeat(50))),
            ]),
        ),
        (
            "kinds that are objects",
            document(&[
                begin(b"<<"),
                numbered(|n| format!("/S {n} 0 R/URI {n} 0 R/Type {n} 0 R")),
                numbered(|n| format!("{n} 0 obj(")),
            ]),
        ),
    ]
}

/// As many pixels as are allowed, in the most costly way each format has.
fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a flat rgba png", flat_png(7000, 7000, png::ColorType::Rgba, png::BitDepth::Eight)),
        ("a flat deep png", flat_png(7000, 7000, png::ColorType::Rgba, png::BitDepth::Sixteen)),
        // The least optimised of all here: half the pixels are enough to tell.
        ("a flat gif", flat_gif(5000, 5000)),
        ("a progressive jpeg of many scans", many_scans(6000, 6000, 33)),
    ]
}

fn flat_png(width: u32, height: u32, colour: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let bytes = if depth == png::BitDepth::Sixteen { 8 } else { 4 };
    let row = vec![0; width as usize * bytes];
    for _ in 0..height {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    file
}

fn flat_gif(width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &[0, 0, 0, 9, 9, 9]).unwrap();
    let pixels = vec![1; usize::from(width) * usize::from(height)];
    encoder.write_frame(&gif::Frame::from_indexed_pixels(width, height, pixels, None)).unwrap();
    drop(encoder);
    file
}

fn many_scans(width: u16, height: u16, scans: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 50);
    encoder.set_progressive_scans(scans);
    let pixels = vec![77; usize::from(width) * usize::from(height) * 3];
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    file
}

/// A HEIF file that lists this many pictures and holds none.
fn many_items(count: u16) -> Vec<u8> {
    let part = |kind: &[u8; 4], body: &[u8]| {
        let len = u32::try_from(body.len() + 8).unwrap();
        [&len.to_be_bytes()[..], kind, body].concat()
    };
    let mut infos = vec![0, 0, 0, 0];
    infos.extend(count.to_be_bytes());
    let mut places = b"\0\0\0\0\x44\0".to_vec();
    places.extend(count.to_be_bytes());
    for id in 1..=count {
        let info = [&b"\x02\0\0\0"[..], &id.to_be_bytes(), b"\0\0hvc1\0"].concat();
        infos.extend(part(b"infe", &info));
        places.extend(id.to_be_bytes());
        places.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
    let handler = part(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let meta = [
        &b"\0\0\0\0"[..],
        &handler,
        &part(b"pitm", b"\0\0\0\0\0\x01"),
        &part(b"iinf", &infos),
        &part(b"iloc", &places),
    ]
    .concat();
    [part(b"ftyp", b"heic\0\0\0\0heic"), part(b"meta", &meta)].concat()
}
