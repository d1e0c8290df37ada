//! Pages of documents, against poppler at the same resolution, start to end.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use jpeg_encoder::{ColorType, Encoder};
use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, Ending, FileKind};

use super::super::BenchError;
use super::super::figure::Figure;
use super::super::photo::{HEIGHT, WIDTH, scene};
use super::made::run;
use super::{Parts, against, fault, odd};
use crate::fixtures::pdf;

const PDFTOPPM: &str = "/usr/bin/pdftoppm";
/// Pages of each document, so that what starting a program costs is not what is measured.
const PAGES: usize = 4;
const QUALITY: u8 = 85;

/// A document: its name, its pages' contents, the picture that they share.
struct Case {
    name: &'static str,
    contents: Vec<String>,
    picture: Option<Vec<u8>>,
}

pub(super) async fn pages(parts: &Parts) -> Result<Vec<Figure>, BenchError> {
    let mut figures = Vec::new();
    for case in cases()? {
        let picture = case.picture.as_deref().map(|bytes| (bytes, WIDTH, HEIGHT));
        let file = pdf::of_contents(&case.contents, picture);
        let path = parts.folder.path().join("document.pdf");
        fs::write(&path, &file).map_err(BenchError::at(&path))?;
        let sealed = SealedMemory::from_bytes(&file)?;
        let (dots, _) = draw(parts, &sealed, 0).await?;
        let ours = async |_| {
            let begun = Instant::now();
            let mut ends = Vec::new();
            for page in (0..).take(PAGES) {
                ends.push(draw(parts, &sealed, page).await?.1);
            }
            let took = begun.elapsed();
            for end in ends {
                end.processor().await.map_err(fault)?;
            }
            Ok(took)
        };
        let theirs = |_| {
            let target = parts.folder.path().join("page");
            let mut command = Command::new(PDFTOPPM);
            command.args(["-r", &dots.to_string()]).arg(&path).arg(target);
            let begun = Instant::now();
            run(PDFTOPPM, &mut command)?;
            Ok(begun.elapsed())
        };
        let pairs = parts.turns(ours, theirs).await?;
        let name = format!("{PAGES} pages of {}, {dots} dots an inch", case.name);
        figures.extend(against(&name, "ms", "pdftoppm", &pairs, Some(1.0)));
    }
    Ok(figures)
}

/// Draws a page in a child of its own; at how many dots an inch, and how the child ends, which nobody waits for who has
/// the page's encoding to do.
async fn draw(
    parts: &Parts,
    sealed: &SealedMemory,
    page: u32,
) -> Result<(u16, Ending), BenchError> {
    let limits = DecodeLimits::default();
    let kind = (FileKind::Pdf, page);
    let drawn = parts.jail.decode_early(sealed, kind, &limits, Duration::MAX).await;
    match drawn.map_err(fault)? {
        (Decoded::Page(page), end) => Ok((page.dots.get(), end)),
        (other, _) => Err(odd("a page", &other)),
    }
}

fn cases() -> Result<Vec<Case>, BenchError> {
    let words = "Lorem ipsum ".repeat(9);
    let line = |line: u32| format!("BT/F1 9 Tf 40 {} Td({words})Tj ET ", 790 - line * 12);
    let print: String = (0..60).map(line).collect();
    let stroke =
        |n: u32| format!("{} {} m {} {} l S ", n % 595, n % 842, n * 7 % 595, n * 13 % 842);
    let strokes: String = (0..3000).map(stroke).collect();
    let mut picture = Vec::new();
    Encoder::new(&mut picture, QUALITY).encode(&scene(7), WIDTH, HEIGHT, ColorType::Rgb)?;
    let shown = "595 0 0 446 0 200 cm/P Do".to_owned();
    let of =
        |name, content: String, picture| Case { name, contents: vec![content; PAGES], picture };
    Ok(vec![
        of("print", print, None),
        of("three thousand lines", strokes, None),
        of("a photo of 12 megapixels", shown, Some(picture)),
    ])
}
