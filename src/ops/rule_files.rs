//! YARA rule files of a folder, as the jail gets them.
//!
//! The jail reads no files: a file that another includes is put in its place here, and is not loaded
//! once more by itself. Only files below the folder are read; an `include` of anything else stays as
//! it is and the jail names the rule file that has it. Nothing here understands rules.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Name (below the folder) and text of each rule file, sorted, so that every process sees the same.
pub fn load(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let root = folder.canonicalize()?;
    let files = files(&root)?;
    let mut sources = Vec::new();
    for path in files {
        let mut included = BTreeSet::new();
        let text = with_includes(&root, &path, &mut vec![path.clone()], &mut included)?;
        sources.push(Source { path, text, included });
    }
    let anywhere: BTreeSet<PathBuf> =
        sources.iter().flat_map(|source| source.included.iter().cloned()).collect();
    let (within, alone): (Vec<Source>, Vec<Source>) =
        sources.into_iter().partition(|source| anywhere.contains(&source.path));
    let mut kept = alone;
    for source in within {
        // Files that include one another in a circle stand in no other.
        if !kept.iter().any(|other| other.included.contains(&source.path)) {
            kept.push(source);
        }
    }
    kept.sort_by(|one, other| one.path.cmp(&other.path));
    let named = |source: Source| {
        let name = source.path.strip_prefix(&root).unwrap_or(&source.path);
        (name.to_string_lossy().into_owned(), source.text)
    };
    Ok(kept.into_iter().map(named).collect())
}

/// The rule files of a folder and those below, sorted.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    listed(folder, is_rule_file)
}

/// Every file of a folder and those below, sorted: what rules include may have any name.
pub fn everything(folder: &Path) -> io::Result<Vec<PathBuf>> {
    listed(folder, |_| true)
}

fn listed(folder: &Path, wanted: fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    list(folder, MOST_FOLDERS, wanted, &mut files)?;
    files.sort();
    Ok(files)
}

/// A rule file, its text with what it includes, and which files those were.
struct Source {
    path: PathBuf,
    text: Vec<u8>,
    included: BTreeSet<PathBuf>,
}

fn list(
    folder: &Path,
    deeper: usize,
    wanted: fn(&Path) -> bool,
    files: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() && deeper > 0 && !is_hidden(&path) {
            list(&path, deeper - 1, wanted, files)?;
        } else if path.is_file() && wanted(&path) && files.len() < MOST_FILES {
            files.push(path);
        }
    }
    Ok(())
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yar" || ending == "yara")
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// A file's text with what it includes. `within` is the way to it, so that a circle ends.
fn with_includes(
    root: &Path,
    path: &Path,
    within: &mut Vec<PathBuf>,
    included: &mut BTreeSet<PathBuf>,
) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    let mut text = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let target = wanted(line).and_then(|wanted| below(root, path, wanted));
        match target {
            Some(target) if within.len() < MOST_DEEP && !within.contains(&target) => {
                within.push(target.clone());
                text.extend(with_includes(root, &target, within, included)?);
                text.push(b'\n');
                within.pop();
                included.insert(target);
            }
            Some(_) | None => text.extend(line),
        }
    }
    Ok(text)
}

/// The path of a line `include "path"`.
fn wanted(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let (path, rest) =
        line.strip_prefix("include")?.trim_start().strip_prefix('"')?.split_once('"')?;
    (rest.trim().is_empty() || rest.trim().starts_with("//")).then_some(path)
}

/// The file that is meant, beside the including one or below the root, and nowhere else.
fn below(root: &Path, from: &Path, wanted: &str) -> Option<PathBuf> {
    let beside = from.parent().unwrap_or(root);
    let found =
        [beside, root].into_iter().find_map(|base| base.join(wanted).canonicalize().ok())?;
    (found.starts_with(root) && found.is_file()).then_some(found)
}

/// The largest public sets have about a thousand files, four folders deep.
const MOST_FILES: usize = 9_000;
const MOST_FOLDERS: usize = 8;
const MOST_DEEP: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let sources = load(folder.path()).unwrap();
        sources.into_iter().map(|(name, text)| (name, String::from_utf8(text).unwrap())).collect()
    }

    #[test]
    fn included_files_are_put_in_place_and_not_loaded_again() {
        let sources = loaded(&[
            ("index.yar", "include \"./sub/a.yar\"\ninclude \"b.yara\" // both\nrule i\n"),
            ("sub/a.yar", "rule a\n"),
            ("b.yara", "rule b\n"),
            ("c.yar", "rule c\n"),
            ("notes.txt", "rule d\n"),
        ]);
        let expected = [("c.yar", "rule c\n"), ("index.yar", "rule a\n\nrule b\n\nrule i\n")];
        let sources: Vec<_> = sources.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        assert_eq!(sources, expected);
    }

    #[test]
    fn circles_end_and_nothing_outside_is_read() {
        let sources =
            loaded(&[("a.yar", "include \"a.yar\"\ninclude \"../../etc/passwd\"\nrule a\n")]);
        assert_eq!(sources[0].1, "include \"a.yar\"\ninclude \"../../etc/passwd\"\nrule a\n");
        let circle =
            loaded(&[("a.yar", "include \"b.yar\"\nA"), ("b.yar", "include \"a.yar\"\nB")]);
        assert_eq!(circle, [("a.yar".to_owned(), "include \"a.yar\"\nB\nA".to_owned())]);
    }
}
