//! Documents: limits at, under and over them, pages one by one, and no input that harms more than its own child.

use std::fmt::Write as _;
use std::time::Duration;

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{
    DecodeLimits, Decoded, DecodedPage, FileKind, FindingCode, Jail, JailFault,
};
use sekisho_encoder::{Pixels as _, for_each_row};
use sekisho_jail::look::look;

/// A document of sheets of 72 by 36 points, each with a red square at its upper left, and more objects.
fn document(pages: usize, more: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 3 + 2 * page)).collect();
    let mut bodies = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Count {pages}/Kids[{}]>>", kids.join(" ")),
    ];
    let drawing = "1 0 0 rg 0 18 18 18 re f";
    for page in 0..pages {
        let content = 4 + 2 * page;
        bodies.push(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 36]/Contents {content} 0 R/Resources<<>>>>"
        ));
        bodies.push(format!("<</Length {}>>\nstream\n{drawing}\nendstream", drawing.len()));
    }
    bodies.extend(more.iter().map(|body| (*body).to_owned()));
    file_of(&bodies.into_iter().map(String::into_bytes).collect::<Vec<_>>())
}

/// A file of these objects, the first its catalog, with a table of them.
pub(crate) fn file_of(bodies: &[Vec<u8>]) -> Vec<u8> {
    let (mut file, mut table) = (b"%PDF-1.4\n".to_vec(), String::new());
    for (number, body) in (1..).zip(bodies) {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        file.extend(format!("{number} 0 obj\n").as_bytes());
        file.extend(body);
        file.extend(b"\nendobj\n");
    }
    let (start, count) = (file.len(), bodies.len() + 1);
    let end = format!(
        "xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<</Size {count}/Root 1 0 R>>\n\
         startxref\n{start}\n%%EOF\n"
    );
    file.extend(end.as_bytes());
    file
}

fn codes(file: &[u8], limits: &DecodeLimits) -> Vec<FindingCode> {
    look(file, limits).findings.iter().map(|finding| finding.code).collect()
}

async fn draw(
    jail: &Jail,
    file: &[u8],
    page: u32,
    limits: &DecodeLimits,
) -> Result<Decoded, JailFault> {
    let file = SealedMemory::from_bytes(file).unwrap();
    jail.decode_page(&file, FileKind::Pdf, page, limits, Duration::from_secs(10)).await
}

fn drawn(decoded: Result<Decoded, JailFault>) -> DecodedPage {
    match decoded {
        Ok(Decoded::Page(page)) => page,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_page_is_drawn_upright_at_two_hundred_dots_an_inch_and_counts_the_others() {
    let jail = super::jail().await;
    let file = document(3, &[]);
    assert_eq!(codes(&file, &DecodeLimits::default()), []);
    for number in 0..3 {
        let page = drawn(draw(&jail, &file, number, &DecodeLimits::default()).await);
        assert_eq!((page.pixels.width(), page.pixels.height()), (200, 100));
        assert_eq!((page.dots.get(), page.pages), (200, 3));
        let mut rows = Vec::new();
        let keep = |row: &[u8]| {
            rows.push(row.to_vec());
            Ok(())
        };
        for_each_row(&page.pixels, keep).unwrap();
        assert_eq!((&rows[25][..3], &rows[25][300..303]), (&[255, 0, 0][..], &[255; 3][..]));
        assert_eq!(rows[75][..3], [255; 3]);
    }
    let beyond = draw(&jail, &file, 3, &DecodeLimits::default()).await;
    assert!(matches!(beyond, Ok(Decoded::Refused(FindingCode::Malformed))), "{beyond:?}");
}

#[tokio::test]
async fn pages_and_objects_are_held_at_under_and_over() {
    let jail = super::jail().await;
    let limits = DecodeLimits { max_pages: 2, ..DecodeLimits::default() };
    for (pages, over) in [(1, false), (2, false), (3, true)] {
        let file = document(pages, &[]);
        assert_eq!(codes(&file, &limits).contains(&FindingCode::PageLimit), over);
        let refused = draw(&jail, &file, 0, &limits).await;
        assert_eq!(matches!(refused, Ok(Decoded::Refused(FindingCode::PageLimit))), over);
    }
    let file = document(1, &["0", "0"]);
    for (max_objects, over) in [(7, false), (6, false), (5, true)] {
        let limits = DecodeLimits { max_objects, ..DecodeLimits::default() };
        assert_eq!(codes(&file, &limits).contains(&FindingCode::ObjectLimit), over);
        let refused = draw(&jail, &file, 0, &limits).await;
        assert_eq!(matches!(refused, Ok(Decoded::Refused(FindingCode::ObjectLimit))), over);
    }
}

#[tokio::test]
async fn a_page_over_its_pixels_is_drawn_in_fewer_and_never_as_a_thumbnail() {
    let jail = super::jail().await;
    let file = document(1, &[]);
    let size = async |max_page_pixels| {
        let limits = DecodeLimits { max_page_pixels, ..DecodeLimits::default() };
        match draw(&jail, &file, 0, &limits).await {
            Ok(Decoded::Page(page)) => Ok((page.pixels.width(), page.pixels.height())),
            Ok(Decoded::Refused(code)) => Err(code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(size(20_001).await, Ok((200, 100)));
    assert_eq!(size(20_000).await, Ok((200, 100)));
    assert_eq!(size(19_999).await, Ok((199, 100)));
    // 72 dots an inch is the least.
    assert_eq!(size(72 * 36).await, Ok((72, 36)));
    assert_eq!(size(72 * 36 - 1).await, Err(FindingCode::TooManyPixels));
}

#[test]
fn a_picture_in_a_document_is_held_to_the_pixels_of_a_picture() {
    let picture = "<</Type/XObject/Subtype/Image/Width 4/Height 3/Length 0>>\nstream\n\nendstream";
    let file = document(1, &[picture]);
    for (max_pixels, over) in [(13, false), (12, false), (11, true)] {
        let limits = DecodeLimits { max_pixels, ..DecodeLimits::default() };
        assert_eq!(codes(&file, &limits).contains(&FindingCode::TooManyPixels), over);
    }
}

#[tokio::test]
async fn forms_within_forms_are_looked_at_or_refused() {
    let jail = super::jail().await;
    // Objects 5 and on, each drawing the next one; the last has no bounds, so it would be left out.
    let nested = |forms: usize, last: &str| {
        let bodies: Vec<String> = (0..forms)
            .map(|n| {
                if n + 1 == forms {
                    return format!("<</Subtype/Form{last}/Length 0>>\nstream\n\nendstream");
                }
                let next = 6 + n;
                format!(
                    "<</Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X {next} 0 R>>>>/Length 5>>\n\
                     stream\n/X Do\nendstream"
                )
            })
            .collect();
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        let file = String::from_utf8(document(1, &bodies)).unwrap();
        file.replace("/Resources<<>>", "/Resources<</XObject<</X 5 0 R>>>>").into_bytes()
    };
    for (forms, last, whole) in [
        (1, "/BBox[0 0 9 9]", true),
        (1, "", false),
        (33, "/BBox[0 0 9 9]", true),
        (33, "", false),
        (34, "/BBox[0 0 9 9]", false),
    ] {
        let drawn = draw(&jail, &nested(forms, last), 0, &DecodeLimits::default()).await;
        let refused = matches!(drawn, Ok(Decoded::Refused(FindingCode::PageIncomplete)));
        assert_eq!(refused, !whole, "{forms} forms, {last:?}: {drawn:?}");
    }
}

#[tokio::test]
async fn japanese_without_a_font_is_refused_where_there_is_none() {
    let jail = super::jail().await;
    let collection = |name: &str| {
        let mut file = String::from_utf8(document(1, &[])).unwrap();
        let font = format!(
            "<</Font<</F1<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H\
             /DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/X/CIDSystemInfo\
             <</Registry(Adobe)/Ordering({name})/Supplement 2>>>>]>>>>>>"
        );
        file = file.replace("/Resources<<>>", &format!("/Resources{font}"));
        file.replace("1 0 0 rg 0 18 18 18 re f", "BT/F1 9 Tf<0001>Tj ET   ").into_bytes()
    };
    for name in ["Japan1", "Korea1", "Identity", "Unheard"] {
        let refused = draw(&jail, &collection(name), 0, &DecodeLimits::default()).await;
        let missing = matches!(refused, Ok(Decoded::Refused(FindingCode::FontMissing)));
        assert!(missing, "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn whatever_the_bytes_a_child_answers_or_ends_and_the_jail_stands() {
    let jail = super::jail().await;
    let whole = document(2, &["<</A[1 2(three)<04>/Five true null]>>"]);
    let mut state = 0x5EED_u32;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    for _ in 0..150 {
        let mut file = whole.clone();
        for _ in 0..=next(6) {
            let place = next(file.len());
            match next(3) {
                0 => file[place] = next(256) as u8,
                1 => file.truncate(place.max(1)),
                _ => file[place] = b"/<>[]()0 9"[next(10)],
            }
        }
        let sealed = SealedMemory::from_bytes(&file).unwrap();
        let seen = jail.look(&sealed).await;
        let drawn = draw(&jail, &file, 0, &DecodeLimits::default()).await;
        for fault in [seen.err(), drawn.err()].into_iter().flatten() {
            let own =
                matches!(fault, JailFault::Crashed(_) | JailFault::Timeout | JailFault::Memory);
            assert!(own, "{fault:?}");
        }
    }
    drawn(draw(&jail, &whole, 1, &DecodeLimits::default()).await);
}
