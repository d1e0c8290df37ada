//! Documents that are made to draw slowly, or never to end: each is refused while its first pages are drawn, and not after
//! all of them.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use sekisho::domain::limits::Limits;
use sekisho::domain::policy::Disposition;

use crate::fixtures::engines::Engines;

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_takes_longer_than_it_may_is_refused_and_one_of_many_pages_is_released() {
    let deadline = Duration::from_secs(3);
    let limits = Limits { document_deadline: deadline, ..Limits::default() };
    let engines = Engines::start_within("slow", limits).await;
    let endless = engines.scan("endless.pdf", &forms_within_forms(1)).await;
    assert_ne!(endless.disposition, Disposition::Release);
    // Late on a machine that has no time for it.
    let reason = endless.reason();
    assert!(["decode.jail_timeout", "decode.jail_late"].contains(&reason.as_str()), "{reason}");
    let many = engines.scan("many.pdf", &printed(20)).await;
    assert_eq!(many.disposition, Disposition::Release, "{}", many.reason());
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_hostile_documents_take() {
    let engines = Engines::start("hostile").await;
    for (name, file) in hostile() {
        let begun = Instant::now();
        let outcome = engines.scan(name, &file).await;
        let (took, size) = (begun.elapsed(), file.len() / 1000);
        let (answer, reason) = (outcome.disposition, outcome.reason());
        println!("{name}, {size} kB: {answer:?}, {reason}, after {:.1} s", took.as_secs_f64());
    }
    engines.stop().await;
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("forms within forms", forms_within_forms(1)),
        ("forms within forms on fifty pages", forms_within_forms(50)),
        ("a pattern of tiny tiles", tiles()),
        ("patterns within patterns", patterns_within_patterns()),
        ("dashes without end", dashes()),
        ("a shading by a large table", table_of_colours()),
        ("a shading by a long program", program_of_colours()),
        ("groups within groups", groups()),
        ("masks upon masks", masks()),
        ("a million lines", lines(1, 1_000_000)),
        ("fifty pages of thirty thousand lines", lines(50, 30_000)),
        ("fifty pages of ten thousand lines", lines(50, 10_000)),
        ("curves that cross", curves()),
        ("200 pages of print", printed(200)),
        ("200 pages of three thousand lines", lines(200, 3_000)),
        ("200 pages, each second of ten thousand lines", every_second(200, 10_000)),
    ]
}

/// Each draws the next one ten times: a billion squares.
fn forms_within_forms(pages: usize) -> Vec<u8> {
    let form = |level: usize| {
        let (next, draw) = (level + 1, "/X Do ".repeat(10));
        let named = format!("/Resources<</XObject<</X {} 0 R>>>>", FIRST + next);
        let (named, drawn) =
            if level < 9 { (named, draw) } else { (String::new(), "0 0 1 1 re f".to_owned()) };
        (format!("/Type/XObject/Subtype/Form/BBox[0 0 600 850]{named}"), drawn)
    };
    let forms: Vec<_> = (0..10).map(form).collect();
    document(&format!("/XObject<</X {FIRST} 0 R>>"), &vec!["/X Do".to_owned(); pages], &forms)
}

fn tiles() -> Vec<u8> {
    let tile = "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep .02\
        /YStep .02/Resources<<>>";
    let page = "/Pattern cs/P scn 0 0 600 850 re f";
    document(
        &format!("/Pattern<</P {FIRST} 0 R>>"),
        &[page.repeat(20)],
        &[(tile.to_owned(), "1 0 0 rg 0 0 .5 .5 re f".to_owned())],
    )
}

fn patterns_within_patterns() -> Vec<u8> {
    let tile = |level: usize| {
        let named = format!("<</Pattern<</P {} 0 R>>>>", FIRST + level + 1);
        let dict = format!(
            "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9\
             /Resources{named}"
        );
        (dict, "/Pattern cs/P scn 0 0 9 9 re f 1 1 7 7 re f 2 2 5 5 re f".to_owned())
    };
    let tiles: Vec<_> = (0..30).map(tile).collect();
    document(
        &format!("/Pattern<</P {FIRST} 0 R>>"),
        &["/Pattern cs/P scn 0 0 600 850 re f".to_owned()],
        &tiles,
    )
}

fn dashes() -> Vec<u8> {
    let dashes = ".001 ".repeat(10_000);
    let line = "0 0 m 595 842 l 0 842 l 595 0 l S ".repeat(1000);
    document("", &[format!("[{dashes}] 0 d .1 w {line}")], &[])
}

fn table_of_colours() -> Vec<u8> {
    let shading = format!(
        "/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 1 0 1]\
         /Matrix[595 0 0 842 0 0]/Function {FIRST} 0 R>>>>"
    );
    let table =
        "/FunctionType 0/Domain[0 1 0 1]/Range[0 1 0 1 0 1]/Size[3000 3000]/BitsPerSample 8";
    let samples = "x".repeat(3000 * 3000 * 3);
    document(&shading, &["/S sh ".repeat(50)], &[(table.to_owned(), samples)])
}

fn program_of_colours() -> Vec<u8> {
    let shading = format!(
        "/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 1 0 1]\
         /Matrix[595 0 0 842 0 0]/Function {FIRST} 0 R>>>>"
    );
    let program = "/FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]";
    let steps = format!("{{{} dup}}", "sin cos ".repeat(20_000));
    document(&shading, &["/S sh ".repeat(50)], &[(program.to_owned(), steps)])
}

fn groups() -> Vec<u8> {
    let group = |level: usize| {
        let named = format!(
            "/Resources<</ExtGState<</G<</ca .9/BM/Multiply>>>>/XObject<</X {} 0 R>>>>",
            FIRST + level + 1
        );
        let named = if level < 29 { named } else { String::new() };
        let draw =
            if level < 29 { "/G gs 1 0 0 rg 9 9 500 800 re f/X Do/X Do" } else { "0 0 9 9 re f" };
        let kind = "/Type/XObject/Subtype/Form/BBox[0 0 600 850]/Group<</S/Transparency/I true>>";
        (format!("{kind}{named}"), draw.to_owned())
    };
    let groups: Vec<_> = (0..30).map(group).collect();
    document(&format!("/XObject<</X {FIRST} 0 R>>"), &["/X Do".to_owned()], &groups)
}

fn masks() -> Vec<u8> {
    let form =
        "/Type/XObject/Subtype/Form/BBox[0 0 600 850]/Group<</S/Transparency/CS/DeviceGray>>";
    let (mut states, mut draw) = (String::new(), String::new());
    for state in 0..500 {
        write!(states, "/G{state}<</SMask<</S/Luminosity/G {} 0 R>>>>", FIRST + state).unwrap();
        write!(draw, "/G{state} gs 0 0 600 850 re f ").unwrap();
    }
    let forms = vec![(form.to_owned(), ".5 g 0 0 300 850 re f".to_owned()); 500];
    document(&format!("/ExtGState<<{states}>>"), &[draw], &forms)
}

fn lines(pages: usize, count: u32) -> Vec<u8> {
    document("", &vec![page_of_lines(count); pages], &[])
}

/// Slow and quick pages by turns.
fn every_second(pages: usize, count: u32) -> Vec<u8> {
    let page =
        |number: usize| if number.is_multiple_of(2) { page_of_lines(count) } else { String::new() };
    document("", &(0..pages).map(page).collect::<Vec<_>>(), &[])
}

fn page_of_lines(count: u32) -> String {
    let line =
        |n: u32| format!("{} {} m {} {} l S ", n % 595, n * 3 % 842, n * 7 % 595, n * 13 % 842);
    (0..count).map(line).collect()
}

fn curves() -> Vec<u8> {
    let mut drawing = "0 0 m ".to_owned();
    for n in 0..200_000_u32 {
        let at = |factor: u32| n.wrapping_mul(factor) % 840;
        write!(drawing, "{} {} {} {} {} {} c ", at(3), at(7), at(11), at(13), at(17), at(19))
            .unwrap();
    }
    document("", &[drawing + "f* "], &[])
}

fn printed(pages: usize) -> Vec<u8> {
    let words = "Lorem ipsum ".repeat(9);
    let line = |line: u32| format!("BT/F1 9 Tf 40 {} Td({words})Tj ET ", 790 - line * 12);
    let font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>";
    document(font, &vec![(0..60).map(line).collect(); pages], &[])
}

/// Sheets of A4 with these resources and drawings, and further streams from object [`FIRST`] on.
fn document(resources: &str, drawings: &[String], streams: &[(String, String)]) -> Vec<u8> {
    let stream = |dict: &str, data: &str| {
        format!("<<{dict}/Length {}>>\nstream\n{data}\nendstream", data.len())
    };
    let after = FIRST + streams.len();
    let mut kids = String::new();
    for page in 0..drawings.len() {
        write!(kids, "{} 0 R ", after + page * 2).unwrap();
    }
    let mut bodies = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Count {}/Kids[{kids}]>>", drawings.len()),
    ];
    bodies.extend(streams.iter().map(|(dict, data)| stream(dict, data)));
    for (page, drawing) in drawings.iter().enumerate() {
        bodies.push(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<{resources}>>\
             /Contents {} 0 R>>",
            after + page * 2 + 1
        ));
        bodies.push(stream("", drawing));
    }
    let (mut file, mut table) = ("%PDF-1.7\n".to_owned(), String::new());
    for (number, body) in (1..).zip(&bodies) {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        write!(file, "{number} 0 obj\n{body}\nendobj\n").unwrap();
    }
    let (start, count) = (file.len(), bodies.len() + 1);
    write!(
        file,
        "xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<</Size {count}/Root 1 0 R>>\n\
         startxref\n{start}\n%%EOF\n"
    )
    .unwrap();
    file.into_bytes()
}

/// The object of the first further stream.
const FIRST: usize = 3;
