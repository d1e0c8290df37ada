//! `sekisho signatures test`: what the program brings holds, and what does not is named.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::service::programs;

#[test]
fn the_rules_and_signatures_that_the_program_brings_do_what_their_samples_say() {
    let (output, lines) = test(&[]);
    let total = lines.last().expect("a last line");
    assert_eq!(output.status.code(), Some(0), "{lines:?}");
    assert_eq!(total["faults"], 0);
    assert_eq!(total["rules_without_samples"], 0);
    assert!(total["rules"].as_u64() >= Some(50), "{total}");
    assert!(total["clamav_samples"].as_u64() >= Some(10), "{total}");
}

#[test]
fn an_operators_rule_that_does_not_compile_or_misses_is_named_with_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    write("index.yar", "include \"sub/good.yar\"\n");
    write(
        "sub/good.yar",
        "import \"pe\"\nrule good { strings: $a = \"GOOD\" condition: $a or pe.is_pe }\n",
    );
    write(
        "mine.yara",
        "rule broken { condition: nothing }\nrule blind { condition: filesize == 77777 }\n\
         rule eager { condition: true }\nrule fine { strings: $a = \"FINE\" condition: $a }\n",
    );
    write("samples/good/hit-1", "so GOOD");
    write("samples/blind/hit-1", "anything");
    write("samples/eager/miss-1", "anything");
    write("samples/fine/hit-1.txt", "FINE");
    write("samples/fine/miss-1.txt", "not");

    let (output, lines) = test(&[folder.path()]);
    assert_eq!(output.status.code(), Some(1), "{lines:?}");
    let told: BTreeSet<(&str, &str)> = lines
        .iter()
        .filter_map(|line| Some((line["rule"].as_str()?, line["kind"].as_str()?)))
        .collect();
    let wrong = [("broken", "left_out"), ("blind", "missed"), ("eager", "found_wrongly")];
    assert_eq!(told, BTreeSet::from(wrong));
    let clean = |line: &&Value| line["rule"] == "eager" && line["file"] == "photo.jpg";
    assert_eq!(lines.iter().filter(clean).count(), 1, "it touches what none may touch");
    assert_eq!(lines[0]["file"], "mine.yara");
    assert!(lines[0]["detail"].as_str().is_some_and(|text| text.contains("nothing")));
    assert_eq!(lines.last().expect("a last line")["rules"], 4);
}

#[test]
fn a_folder_without_rules_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(test(&[folder.path()]).0.status.code(), Some(2));
}

fn test(arguments: &[&Path]) -> (Output, Vec<Value>) {
    let mut command = Command::new(programs().sekisho);
    command.args(["signatures", "test", "--json"]).args(arguments);
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (output, lines)
}
