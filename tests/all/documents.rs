//! Documents: drawn as another renderer draws them, seen page by page, pulled as one file.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;
use std::process::Command;

use sekisho::domain::policy::Disposition;
use sekisho::domain::state::Media;
use sekisho::scan::encode::Encoded;
use sekisho_tools::chaos::service::set;
use sekisho_tools::fixtures;

use crate::fixtures::engines::Engines;
use crate::journey::{holds, pull, register};
use crate::service::World;

/// Pages that poppler must draw alike: print, drawings, turned, cropped, pictures, scans, opacity, four ways to write, what
/// has no appearance.
const COMPARED: [&str; 23] = [
    "one-page",
    "packed",
    "three-pages-packed",
    "turned",
    "cropped",
    "drawing",
    "own-font",
    "form-within-itself",
    "japanese",
    "characters-of-two-shapes",
    "letters-without-shape",
    "signs-within",
    "revised",
    "scan",
    "fax",
    "fax-group-3",
    "jbig2",
    "see-through",
    "form-filled-in",
    "empty-password",
    "empty-password-packed",
    "answers-without-look",
    "marks-without-look",
];

#[tokio::test(flavor = "multi_thread")]
async fn pages_look_as_poppler_draws_them_and_the_rebuilt_file_is_those_pages() {
    let engines = Engines::start("poppler").await;
    let folder = tempfile::tempdir().unwrap();
    let all = fixtures::all().unwrap();
    let mut sources: Vec<(String, Vec<u8>)> = COMPARED
        .iter()
        .map(|name| {
            let path = format!("clean/pdf-{name}.pdf");
            let fixture = all.iter().find(|fixture| fixture.path == path).unwrap();
            (path, fixture.bytes.clone())
        })
        .collect();
    sources.push(("printed by a browser.pdf".to_owned(), by_browser(folder.path())));
    let mut wrong = Vec::new();
    for (name, bytes) in &sources {
        let outcome = engines.scan(name, bytes).await;
        assert_eq!(outcome.disposition, Disposition::Release, "{name}: {}", outcome.reason());
        let encoded = outcome.scan.encoded.unwrap();
        assert_eq!(encoded.media, Media::Pdf);
        for page in 0..encoded.pages {
            let ours = jpeg_of(&encoded, page);
            let theirs = drawn(folder.path(), bytes, page, ours.size());
            // A trace more on both sides: a pale page has none.
            let ink = (ours.ink() + 0.001) / (theirs.ink() + 0.001);
            let alike = ours.likeness(&theirs);
            let least = if name.contains("answers") { SET_ANEW } else { ALIKE };
            if !(alike > least && (0.5..2.0).contains(&ink)) {
                wrong.push(format!("{name}, page {page}: {alike:.3} alike, {ink:.2} of the ink"));
            }
            // The same pixels again, whoever opens the rebuilt file.
            let alike = ours.likeness(&drawn(folder.path(), &encoded.bytes, page, ours.size()));
            if alike.is_nan() || alike <= SAME {
                wrong.push(format!("{name}, page {page} of the rebuilt file: {alike:.3} alike"));
            }
        }
    }
    engines.stop().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_viewed_page_by_page_and_pulled_as_one_file() {
    let world = World::new();
    let all = fixtures::all().unwrap();
    let of = |path: &str| all.iter().find(|fixture| fixture.path == path).unwrap().bytes.clone();
    let patient = world.patient().await;
    let sent = of("clean/pdf-three-pages-packed.pdf");
    let fields = [("photos", Some(("検査結果.pdf", "application/pdf")), sent.as_slice())];
    let received = patient.send(&fields).await.expect("acknowledged");
    let id = &received[0].id;
    assert_eq!(world.settled(id), "released");
    let doctor = world.sign_in("portal", &world.doctor).await;
    let page = doctor.get(&format!("/artifacts/{id}")).await.unwrap().text().await.unwrap();
    assert!(page.contains("3 / 3") && page.contains("loading=\"lazy\""), "{page}");
    assert_eq!(world.events("view", id).len(), 0, "the page of a document is no view yet");
    let mut pages = Vec::new();
    for number in 1..=3 {
        let answer = doctor.get(&format!("/artifacts/{id}/pages/{number}")).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        pages.push(answer.bytes().await.unwrap());
        let views = world.events("view", id);
        assert_eq!(views.len(), number, "{views:?}");
        assert_eq!(views[0]["facts"]["page"], number.to_string(), "{views:?}");
    }
    assert!(pages[0] != pages[1] && pages.iter().all(|page| page.starts_with(b"\xff\xd8")));
    // Neither a page that is not there nor the whole file.
    for path in ["pages/0", "pages/4", "pages/-1", "pages/x", "rendition"] {
        let answer = doctor.get(&format!("/artifacts/{id}/{path}")).await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let inbox = world.root.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    register(&world);
    assert_eq!(pull(&world, &inbox), (1, 0));
    assert!(!holds(&inbox, &sent), "never the patient's own bytes");
    let pulled = std::fs::read_dir(&inbox).unwrap().map(|entry| entry.unwrap().path());
    let pulled = pulled.filter(|path| path.extension().is_some_and(|ending| ending == "pdf"));
    let pulled: Vec<Vec<u8>> = pulled.map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(pulled.len(), 1);
    for (number, page) in pages.iter().enumerate() {
        let place = sekisho_encoder::page_of(&pulled[0], number).unwrap();
        assert!(pulled[0][place] == page[..], "what is pulled is what was shown");
    }
    world.sealed();
    assert_eq!(world.verify().0, 0);
}

/// How alike two renderers' pages are seen from a step away: letters at the same places, though each renderer has its own
/// fonts for text that brings none, and sets its own greys at edges.
const ALIKE: f64 = 0.9;
/// Nothing but words that each renderer sets in a font and a size of its own.
const SET_ANEW: f64 = 0.8;
/// The same picture, decoded by another decoder.
const SAME: f64 = 0.995;
const BOX: usize = 16;

struct Drawing {
    width: usize,
    height: usize,
    luma: Vec<f64>,
}

impl Drawing {
    fn of(width: usize, height: usize, rgb: &[u8]) -> Self {
        assert_eq!(rgb.len(), width * height * 3);
        let weigh = |p: &[u8; 3]| {
            let [r, g, b] = p.map(f64::from);
            0.299 * r + 0.587 * g + 0.114 * b
        };
        Self { width, height, luma: rgb.as_chunks().0.iter().map(weigh).collect() }
    }

    fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Means of boxes.
    fn boxes(&self) -> Vec<f64> {
        let mut sums = vec![(0.0, 0_u32); self.width.div_ceil(BOX) * self.height.div_ceil(BOX)];
        for (place, luma) in self.luma.iter().enumerate() {
            let (x, y) = (place % self.width / BOX, place / self.width / BOX);
            let (sum, count) = &mut sums[y * self.width.div_ceil(BOX) + x];
            *sum += luma;
            *count += 1;
        }
        sums.into_iter().map(|(sum, count)| sum / f64::from(count)).collect()
    }

    /// The correlation of what is on both pages: 1 for the same, 0 for nothing in common.
    fn likeness(&self, other: &Self) -> f64 {
        assert_eq!(self.size(), other.size());
        let centred = |boxes: Vec<f64>| {
            let mean = boxes.iter().sum::<f64>() / f64::from(u32::try_from(boxes.len()).unwrap());
            boxes.into_iter().map(|luma| luma - mean).collect::<Vec<f64>>()
        };
        let (ours, theirs) = (centred(self.boxes()), centred(other.boxes()));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        product(&ours, &theirs) / (product(&ours, &ours) * product(&theirs, &theirs)).sqrt()
    }

    /// How much of the page is darker than paper.
    fn ink(&self) -> f64 {
        let dark = self.luma.iter().filter(|luma| **luma < 128.0).count();
        f64::from(u32::try_from(dark).unwrap()) / f64::from(u32::try_from(self.luma.len()).unwrap())
    }
}

#[test]
fn a_missing_font_is_told_with_what_follows_and_is_no_failure() {
    let world = World::prepared();
    let font = || {
        let rows = world.ask(&["check"]);
        rows.into_iter().find(|row| row["check"] == "font").unwrap_or_default()
    };
    assert_eq!(font()["result"], "ok");
    let absent = "/nonexistent/font.ttc";
    let path = ["paths", "cjk_font"];
    world.service.configure(|table| set(table, &path, absent.into())).unwrap();
    let told = font();
    assert_eq!(told["result"], "warn");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.starts_with(absent) && detail.contains("refused"), "{detail}");
}

fn jpeg_of(encoded: &Encoded, page: u32) -> Drawing {
    let place = sekisho_encoder::page_of(&encoded.bytes, page as usize).unwrap();
    let bytes = zune_core::bytestream::ZCursor::new(&encoded.bytes[place]);
    let mut decoder = zune_jpeg::JpegDecoder::new(bytes);
    let rgb = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    Drawing::of(width, height, &rgb)
}

/// A page as poppler draws it in this size.
fn drawn(folder: &Path, pdf: &[u8], page: u32, (width, height): (usize, usize)) -> Drawing {
    let file = folder.join("page.pdf");
    std::fs::write(&file, pdf).unwrap();
    let page = (page + 1).to_string();
    let output = Command::new("pdftoppm")
        .args(["-cropbox", "-singlefile", "-f", &page, "-l", &page])
        .args(["-scale-to-x", &width.to_string(), "-scale-to-y", &height.to_string()])
        .arg(&file)
        .output()
        .unwrap();
    let ppm = output.stdout;
    let head = format!("P6\n{width} {height}\n255\n");
    let rgb = ppm.strip_prefix(head.as_bytes());
    let rgb = rgb.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    Drawing::of(width, height, rgb)
}

/// A page of Japanese with its font embedded, as people print to files.
fn by_browser(folder: &Path) -> Vec<u8> {
    let (page, file) = (folder.join("page.html"), folder.join("printed.pdf"));
    let html = "<meta charset=utf-8><body style='font:20px serif'><h1>検査結果の報告</h1>\
        <p>昨日から発疹があります。体温は38.5度でした。</p><table border=1><tr><td>白血球<td>7,200</table>";
    std::fs::write(&page, html).unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--print-to-pdf={}", file.display()))
        .arg(&page)
        .output()
        .unwrap();
    std::fs::read(file)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}
