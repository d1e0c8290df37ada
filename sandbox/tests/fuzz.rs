//! The promises of `fuzz/`, held over mutated fixtures for some seconds each, with the stable compiler.
//!
//! The seed is fixed, so a failure comes again; `SEKISHO_FUZZ_SEED` and `SEKISHO_FUZZ_SECONDS` try others, for longer.
//! Every kind of file is tried that fixtures are there for, those of later decoders too.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../../fuzz/src/jail.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets' library, used here as a module")]
mod promises;
#[path = "../../fuzz/src/service.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets' library, used here as a module")]
mod service;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use sekisho_jail::look::look;
use sekisho_protocol::{
    DecodeReport, FileKind, Finding, FindingCode, LookReport, Ready, Removal, RemovalCode, RuleHit,
};
use sekisho_tools::fixtures;

#[test]
fn every_inspector_survives_what_is_nearly_a_file() {
    for (kind, files) in corpus() {
        try_mutations(kind.as_str(), &files, PER_KIND, promises::look);
    }
}

#[test]
fn every_decoder_survives_what_is_nearly_a_file() {
    for (kind, files) in corpus() {
        try_mutations(kind.as_str(), &files, PER_KIND, |file| promises::decode_as(kind, file));
    }
}

#[test]
fn every_decoder_survives_files_of_other_kinds() {
    let first: Vec<Vec<u8>> = corpus().into_values().map(|files| files[0].clone()).collect();
    for file in &first {
        promises::decode(file);
        for kind in FileKind::ALL {
            promises::decode_as(*kind, file);
        }
    }
}

#[test]
fn the_text_path_survives_anything() {
    let files = corpus().remove(&FileKind::Text).unwrap();
    try_mutations("text", &files, PER_TARGET, promises::text);
}

#[test]
fn the_message_decoders_survive_anything() {
    let finding = Finding { code: FindingCode::Markup, offset: 7, value: 1 };
    let look = LookReport {
        kind: FileKind::Jpeg,
        width: 9,
        height: 9,
        findings: vec![finding; 3],
        rule_hits: vec![RuleHit { rule: 1, offset: 2 }; 3],
        removed: vec![Removal { code: RemovalCode::ALL[0], count: 1, bytes: 2 }; 3],
        parts: Vec::new(),
    };
    let text = DecodeReport::Text { bytes: 9 };
    let messages = vec![look.encode(), text.encode(), Ready::default().encode()];
    try_mutations("messages", &messages, PER_TARGET, promises::report);
}

#[test]
fn the_name_cleaner_survives_anything() {
    let names = ["photo.JPG\nimage/jpeg", "写真.heic\n", "../../a.b/c.exe\ntext/html; x", "...."];
    let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    try_mutations("names", &names, PER_TARGET, service::name);
}

/// Fixtures by kind; large ones would only make each try slow.
fn corpus() -> BTreeMap<FileKind, Vec<Vec<u8>>> {
    let mut kinds: BTreeMap<FileKind, Vec<Vec<u8>>> = BTreeMap::new();
    for fixture in fixtures::all().unwrap() {
        if (1..MOST_BYTES).contains(&fixture.bytes.len()) {
            let kind = look(&fixture.bytes, &promises::limits()).kind;
            kinds.entry(kind).or_default().push(fixture.bytes);
        }
    }
    kinds
}

fn try_mutations(name: &str, files: &[Vec<u8>], time: Duration, promise: impl Fn(&[u8])) {
    let seed = setting("SEKISHO_FUZZ_SEED").unwrap_or(SEED);
    let time = setting("SEKISHO_FUZZ_SECONDS").map_or(time, Duration::from_secs);
    let (begun, mut random, mut tries) = (Instant::now(), Random(seed | 1), 0u32);
    while tries < FEWEST || (begun.elapsed() < time && tries < MOST) {
        let file = random.mutated(files);
        tries += 1;
        if catch_unwind(AssertUnwindSafe(|| promise(&file))).is_err() {
            let path = std::env::temp_dir().join(format!("sekisho-fuzz-{name}-{tries}"));
            std::fs::write(&path, &file).unwrap();
            panic!("{name}: try {tries} of seed {seed} breaks a promise: {}", path.display());
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Xorshift: the same tries on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// A file with one to six changes, most of them small.
    fn mutated(&mut self, files: &[Vec<u8>]) -> Vec<u8> {
        let mut file = files[self.below(files.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(file.len());
            match self.below(8) {
                0 if !file.is_empty() => file.truncate(at),
                1 => {
                    let other = &files[self.below(files.len())];
                    let from = self.below(other.len());
                    file.extend(&other[from..other.len().min(from + 512)]);
                }
                2 => {
                    let to = (at + 1 + self.below(64)).min(file.len());
                    file.drain(at.min(to)..to);
                }
                3 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    file.splice(at..at, piece.iter().copied());
                }
                4 => {
                    let number = NUMBERS[self.below(NUMBERS.len())].to_be_bytes();
                    for (place, byte) in file.iter_mut().skip(at).zip(number) {
                        *place = byte;
                    }
                }
                _ => {
                    let value = self.below(256);
                    if let Some(byte) = file.get_mut(at) {
                        *byte = u8::try_from(value).unwrap();
                    }
                }
            }
        }
        file
    }
}

const PIECES: [&[u8]; 12] = [
    b"\xFF\xD8\xFF\xE1\0\x08",
    b"IDAT",
    b"\0\0\0\0IEND",
    b"ftypheic",
    b"%PDF-1.7\n1 0 obj<<",
    b"PK\x03\x04",
    b"\x1B$B",
    b"javascript:",
    b"https://xn--",
    b"<svg/onload=",
    "\u{202E}\u{200D}\u{E0001}".as_bytes(),
    b"=cmd|'/c'!A0",
];
const NUMBERS: [u32; 6] = [0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_0000, 0x0001_0000];
const SEED: u64 = 0x0005_EC15_40F0_0221;
const MOST_BYTES: usize = 48 * 1024;
/// However slow the machine, so many tries are made; however quick, no more.
const FEWEST: u32 = 50;
const MOST: u32 = 20_000;
const PER_KIND: Duration = Duration::from_millis(700);
const PER_TARGET: Duration = Duration::from_secs(3);
