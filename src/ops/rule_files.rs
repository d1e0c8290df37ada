//! YARA rule files of a folder, as the jail gets them.
//!
//! The jail reads no files: a file that another includes is put in its place here, and is not loaded
//! once more by itself. Only files below the folder are read; an `include` of anything else stays as
//! it is and the jail names the rule file that has it. More files or folders than are read are an error,
//! as a set without some of its rules looks like a whole one. Nothing here understands rules.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Name (below the folder) and text of each rule file, sorted, so that every process sees the same.
pub fn load(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let root = folder.canonicalize()?;
    let Listed { files, linked } = list(&root, is_rule_file, MOST_FILES)?;
    for folder in linked {
        tracing::warn!(?folder, "links to folders are not followed: rules there are not loaded");
    }
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
    Ok(list(folder, is_rule_file, MOST_FILES)?.files)
}

/// Every file of a folder and those below, sorted: what rules include may have any name.
pub fn everything(folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(list(folder, |_| true, MOST_ENTRIES)?.files)
}

/// A rule file, its text with what it includes, and which files those were.
struct Source {
    path: PathBuf,
    text: Vec<u8>,
    included: BTreeSet<PathBuf>,
}

/// Files of a folder and those below.
#[derive(Default)]
struct Listed {
    files: Vec<PathBuf>,
    /// Links to folders, whose files are not among them.
    linked: Vec<PathBuf>,
}

/// The files that are wanted, sorted, at most so many.
fn list(folder: &Path, wanted: fn(&Path) -> bool, most: usize) -> io::Result<Listed> {
    let mut listed = Listed::default();
    let mut left = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = left.pop() {
        if depth > MOST_FOLDERS {
            return Err(too_much(format!("{} lies too deep", folder.display())));
        }
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !is_hidden(&path) {
                    left.push((path, depth + 1));
                }
            } else if path.is_dir() {
                if !is_hidden(&path) {
                    listed.linked.push(path);
                }
            } else if path.is_file() && wanted(&path) {
                listed.files.push(path);
            }
            if listed.files.len() > most {
                let reason = format!("{} has more than {most} files", folder.display());
                return Err(too_much(reason));
            }
        }
    }
    listed.files.sort();
    listed.linked.sort();
    Ok(listed)
}

fn too_much(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, reason)
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ending.eq_ignore_ascii_case("yar") || ending.eq_ignore_ascii_case("yara")
    })
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
/// What lies beside rules: samples, above all.
const MOST_ENTRIES: usize = 100_000;
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

    #[test]
    fn the_last_file_and_level_are_read_and_one_more_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = root.path().to_owned();
        for _ in 0..MOST_FOLDERS {
            folder.push("sub");
        }
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.YAR"), "rule a\n").unwrap();
        assert_eq!(load(root.path()).unwrap().len(), 1);
        std::fs::create_dir(folder.join("sub")).unwrap();
        assert!(load(root.path()).is_err());

        let root = tempfile::tempdir().unwrap();
        for number in 0..3 {
            std::fs::write(root.path().join(format!("{number}.yara")), "").unwrap();
        }
        assert_eq!(list(root.path(), is_rule_file, 3).unwrap().files.len(), 3);
        assert!(list(root.path(), is_rule_file, 2).is_err());
    }

    #[test]
    fn links_to_folders_are_named_and_links_to_files_are_read() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("b.yar"), "rule b\n").unwrap();
        let link = |from: &Path, name: &str| {
            std::os::unix::fs::symlink(from, root.path().join(name)).unwrap();
        };
        link(other.path(), "folder");
        link(root.path(), "circle");
        link(&other.path().join("b.yar"), "a.yar");
        link(Path::new("/nonexistent"), "gone.yar");
        let listed = list(root.path(), is_rule_file, MOST_FILES).unwrap();
        let named = |paths: &[PathBuf]| -> Vec<String> {
            let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
            names.map(str::to_owned).collect()
        };
        assert_eq!(named(&listed.files), ["a.yar"]);
        assert_eq!(named(&listed.linked), ["circle", "folder"]);
    }
}
