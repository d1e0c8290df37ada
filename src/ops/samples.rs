//! Must-hit and must-not-hit samples of rules and signatures: those this program brings, and an
//! operator's own.
//!
//! What the program brings is inverted byte by byte, so that the program is no alarm to the scanners
//! that it tests; `sekisho-tools manifest` writes it. An operator's samples are files named
//! `RULE/hit-…` and `RULE/miss-…`.

use std::io;
use std::path::Path;

pub use crate::domain::sample::{Expected, Sample};

/// The samples this program brings.
pub fn built_in() -> Result<Vec<Sample>, BadPack> {
    unpack(include_bytes!("../../signatures/samples.pack"))
}

/// Files that no rule may touch: a camera's photo, pictures in newer formats, and a message.
pub fn clean() -> Vec<Sample> {
    let files: [(&str, &[u8]); 4] = [
        ("photo.jpg", include_bytes!("../../fixtures/clean/sony-dsc-hx5v.jpg")),
        ("picture.webp", include_bytes!("../../fixtures/clean/webp-lossy.webp")),
        ("picture.avif", include_bytes!("../../fixtures/clean/avif-one-420.avif")),
        ("message.txt", MESSAGE.as_bytes()),
    ];
    files.map(|(name, bytes)| clean_sample(name, bytes.to_vec())).into()
}

fn clean_sample(name: &str, bytes: Vec<u8>) -> Sample {
    Sample { rule: String::new(), expected: Expected::Clean, name: name.to_owned(), bytes }
}

const MESSAGE: &str = "右腕の発疹が三日前から広がっています。熱は -3 度ではなく 36.8 度です。\n\
     Please see the photo. Thank you.\n";

/// An operator's samples below a folder; none if there is no such folder. What lies in the folder
/// `clean` no rule may touch.
pub fn in_folder(folder: &Path) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    if !folder.is_dir() {
        return Ok(samples);
    }
    for rule in std::fs::read_dir(folder)? {
        let rule = rule?;
        if !rule.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(rule.path())? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if rule.file_name() == CLEAN {
                samples.push(clean_sample(&name, std::fs::read(file.path())?));
                continue;
            }
            let expected = match name.split('-').next() {
                Some("hit") => Expected::Hit,
                Some("miss") => Expected::Miss,
                _ => continue,
            };
            let rule = rule.file_name().to_string_lossy().into_owned();
            samples.push(Sample { rule, expected, name, bytes: std::fs::read(file.path())? });
        }
    }
    samples.sort_by(|one, other| (&one.rule, &one.name).cmp(&(&other.rule, &other.name)));
    Ok(samples)
}

/// Where an operator's clean files are.
const CLEAN: &str = "clean";

/// The samples in this program cannot be read: it was built from a broken file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the samples that this program brings are damaged")]
pub struct BadPack;

fn unpack(pack: &[u8]) -> Result<Vec<Sample>, BadPack> {
    let pack: Vec<u8> = pack.iter().map(|byte| !byte).collect();
    let mut rest = pack.as_slice();
    let mut samples = Vec::new();
    while !rest.is_empty() {
        let end = line_end(rest).ok_or(BadPack)?;
        let (line, behind) = rest.split_at(end);
        let line = std::str::from_utf8(line).map_err(|_| BadPack)?;
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(BadPack);
        let (rule, expected, number) = (word()?, word()?, word()?);
        let length: usize = word()?.parse().map_err(|_| BadPack)?;
        let expected = match expected {
            "hit" => Expected::Hit,
            "miss" => Expected::Miss,
            _ => return Err(BadPack),
        };
        // The line feed, then the file.
        let (bytes, next) =
            behind.get(1..).and_then(|it| it.split_at_checked(length)).ok_or(BadPack)?;
        let name = format!("{}-{number}", if expected == Expected::Hit { "hit" } else { "miss" });
        samples.push(Sample { rule: rule.to_owned(), expected, name, bytes: bytes.to_vec() });
        rest = next;
    }
    Ok(samples)
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_brings_reads_back_and_holds_no_alarm() {
        let samples = built_in().unwrap();
        assert!(samples.iter().any(Sample::is_clamav));
        assert!(samples.iter().filter(|sample| sample.expected == Expected::Hit).count() > 40);
        let packed = include_bytes!("../../signatures/samples.pack");
        let whole = |sample: &&Sample| {
            let bytes = &sample.bytes;
            bytes.len() > 16 && packed.windows(bytes.len()).any(|window| window == bytes)
        };
        assert!(!samples.iter().take(20).any(|sample| whole(&sample)));
    }

    #[test]
    fn a_damaged_pack_is_refused_at_every_cut() {
        let pack: Vec<u8> =
            b"rule hit 1 3\nabcother.x miss 1 0\n".iter().map(|byte| !byte).collect();
        assert_eq!(unpack(&pack).unwrap().len(), 2);
        for end in (1..pack.len()).filter(|end| *end != 16) {
            assert_eq!(unpack(&pack[..end]), Err(BadPack), "{end}");
        }
    }

    #[test]
    fn an_operators_samples_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("my_rule")).unwrap();
        for name in ["hit-1.bin", "miss-1", "README"] {
            std::fs::write(folder.path().join("my_rule").join(name), name).unwrap();
        }
        let found = in_folder(folder.path()).unwrap();
        let found: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.expected)).collect();
        assert_eq!(found, [("hit-1.bin", Expected::Hit), ("miss-1", Expected::Miss)]);
        assert!(in_folder(&folder.path().join("none")).unwrap().is_empty());
        std::fs::create_dir(folder.path().join("clean")).unwrap();
        std::fs::write(folder.path().join("clean/any name"), "x").unwrap();
        let found = in_folder(folder.path()).unwrap();
        assert_eq!((found[0].expected, found[0].rule.as_str()), (Expected::Clean, ""));
    }
}
