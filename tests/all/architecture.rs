//! The shape of the house: who may import whom, and that no parser of uploaded contents is linked
//! into the service.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Module, and the modules of this crate that it may name. The table of `docs/ARCHITECTURE.md`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("audit", &["audit", "domain"]),
    ("memory", &["memory"]),
    ("db", &["db", "domain", "audit"]),
    ("vault", &["vault", "domain", "memory"]),
    ("scan", &["scan", "domain", "memory"]),
    ("sensor", &["sensor", "domain", "memory"]),
    ("notify", &["notify", "domain"]),
    ("backup", &["backup", "domain"]),
    ("config", &["config", "domain"]),
    (
        "app",
        &["app", "domain", "audit", "config", "db", "vault", "scan", "sensor", "notify", "ops"],
    ),
    ("flow", &["flow", "domain", "audit", "app", "memory", "vault", "backup"]),
    ("worker", &["worker", "flow", "app", "domain"]),
    ("http", &["http", "flow", "domain", "app", "config", "ops"]),
    ("ops", &["ops", "config", "domain"]),
    (
        "cli",
        &[
            "cli", "app", "config", "domain", "flow", "http", "memory", "ops", "scan", "vault",
            "worker", "audit", "backup",
        ],
    ),
];

/// Module, and crates that it must not name.
const MUST_NOT_NAME: &[(&str, &[&str])] = &[
    ("domain", &["tokio", "sqlx", "axum", "std::fs", "std::net::Tcp", "reqwest", "rustix"]),
    ("audit", &["tokio", "sqlx", "axum", "std::fs", "reqwest", "rustix"]),
    ("flow", &["axum", "sqlx", "reqwest"]),
    ("worker", &["axum", "sqlx"]),
    ("http", &["sqlx", "age::"]),
    ("db", &["axum"]),
    ("vault", &["axum", "sqlx"]),
    ("scan", &["axum", "sqlx"]),
    ("sensor", &["axum", "sqlx"]),
    ("notify", &["axum", "sqlx"]),
    ("backup", &["axum", "sqlx"]),
];

/// Crates that parse contents a patient could send.
const CONTENT_PARSERS: &[&str] = &[
    "fax",
    "gif",
    "hayro",
    "heic-rs",
    "heifer",
    "heifer-hevc-dec",
    "heifer-isobmff",
    "image",
    "image-webp",
    "infer",
    "moxcms",
    "re_rav1d",
    "tiff",
    "weezl",
    "yara",
    "yara-x",
    "zune-core",
    "zune-jpeg",
];

#[test]
fn no_module_imports_what_the_table_does_not_allow() {
    let mut wrong = Vec::new();
    for (module, file, code) in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            if !["lib", "main", "testing"].contains(&module.as_str()) {
                wrong.push(format!("{}: the module {module} is not in the table", file.display()));
            }
            continue;
        };
        for named in named_modules(&code) {
            if !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: {module} names {named}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_module_names_a_crate_it_must_not_know() {
    let mut wrong = Vec::new();
    for (module, file, code) in sources() {
        let forbidden = MUST_NOT_NAME.iter().find(|(name, _)| *name == module);
        for name in forbidden.map_or(&[][..], |(_, names)| names) {
            if code.lines().any(|line| names_crate(line, name)) {
                wrong.push(format!("{}: {module} names {name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_service_depends_on_no_content_parser() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "sekisho", "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--format", "{p}"])
        .output()
        .expect("cargo tree runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("UTF-8");
    let linked: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(linked.contains("jpeg-encoder"), "the list of dependencies was not read");
    let parsers: Vec<_> = CONTENT_PARSERS.iter().filter(|name| linked.contains(*name)).collect();
    assert!(parsers.is_empty(), "linked into the service: {parsers:?}");
}

/// A route that goes round the list of routes would go round the access matrix.
#[test]
fn every_route_of_a_door_is_added_to_its_list() {
    let adds =
        |code: &str| [".route(", ".nest(", ".route_service("].iter().any(|it| code.contains(it));
    let (list, others): (Vec<_>, Vec<_>) = sources()
        .into_iter()
        .filter(|(module, ..)| module == "http")
        .partition(|(_, file, _)| file.ends_with("http/routes.rs"));
    assert!(list.iter().all(|(.., code)| adds(code)) && list.len() == 1, "the list was not found");
    let beside: Vec<_> = others.iter().filter(|(.., code)| adds(code)).map(|it| &it.1).collect();
    assert!(beside.is_empty(), "routes beside the list: {beside:?}");
}

/// The PNG crate both encodes and decodes; only its encoder may be in the program.
#[test]
fn the_png_decoder_is_not_in_the_service_program() {
    let program = fs::read(env!("CARGO_BIN_EXE_sekisho")).expect("the program is built");
    assert!(contains(&program, b"3png7encoder"), "symbols are not in the program at all");
    assert!(!contains(&program, b"3png7decoder"), "png::decoder is linked into the service");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Every source file of the service: its module, its path, its code without tests and comments.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test(&path) {
                let first = path.strip_prefix(&root).expect("below src").iter().next();
                let first = first.and_then(|name| name.to_str()).expect("UTF-8");
                let module = first.trim_end_matches(".rs").to_owned();
                let code = code_of(&fs::read_to_string(&path).expect("a source file"));
                found.push((module, path, code));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn is_test(path: &Path) -> bool {
    let test_name = |part: &str| {
        let part = part.trim_end_matches(".rs");
        part == "tests"
            || part == "matrix"
            || part == "contract"
            || part.ends_with("_tests")
            || part == "testing"
    };
    path.iter().filter_map(|part| part.to_str()).any(test_name)
}

/// The code without comments and without a test module that stands in the file; one that only is
/// named there is a file of its own.
fn code_of(text: &str) -> String {
    let inline = text.match_indices("#[cfg(test)]").find(|(at, _)| {
        let item = text[*at..].lines().nth(1).unwrap_or_default();
        item.contains("mod ") && item.ends_with('{')
    });
    let end = inline.map_or(text.len(), |(at, _)| at);
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn named_modules(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        // `use crate::{a::b, c}` names several.
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        for item in list {
            let word: String = item
                .trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if word.starts_with(|c: char| c.is_ascii_lowercase()) {
                named.insert(word);
            }
        }
    }
    named
}

fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        !word(before) && (name.ends_with("::") || !word(after))
    })
}
