//! `signatures/MANIFEST`: the SHA-256 and name of every signature file, in the form `sha256sum -c` reads.
//!
//! Whoever loads the signatures can tell a set that was changed by hand from the one that was tested.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The manifest's own name inside the signatures folder.
pub const FILE_NAME: &str = "MANIFEST";

/// The folders whose files are signatures.
const FOLDERS: [&str; 3] = ["clamav", "suricata", "yara"];

/// The text of the manifest for the files now in `signatures`, sorted by name.
pub fn of(signatures: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(signatures.join(folder))? {
            names.push(format!("{folder}/{}", entry?.file_name().to_string_lossy()));
        }
    }
    names.sort();
    let mut text = String::new();
    for name in names {
        for byte in Sha256::digest(fs::read(signatures.join(&name))?) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = writeln!(text, "  {name}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_matches_the_signatures() -> io::Result<()> {
        let signatures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures");
        assert_eq!(
            fs::read_to_string(signatures.join(FILE_NAME))?,
            of(&signatures)?,
            "a signature changed: run `sekisho-tools manifest` and commit the result"
        );
        Ok(())
    }
}
