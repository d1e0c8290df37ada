//! Samples of the rules for what is spelled out in letters. What they spell has no code.

use std::fmt::Write as _;

use super::{RuleSamples, files};
use crate::fixtures::{FixtureError, jpeg, programs, test_strings, texts, zip};

pub(super) fn rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let photo = jpeg::plain()?;
    let behind = |text: &str| [photo.as_slice(), text.as_bytes()].concat();
    let sentence =
        |before: &str| base64(format!("{before}This program cannot be run in DOS mode").as_bytes());
    let archive = zip(&[("photo.jpg", &photo)])?;
    Ok(vec![
        (
            "program_in_letters",
            [
                files(&[
                    "お願いします\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAA=\n",
                    "AAAAAAAAAAgLAA8//AAAAEAAAAMAAQqVT",
                    "TVqQ AAMA AAAE AAAA //8A ALgA AAAA AAAA QAAA AAAA",
                    "TV qQ AA MA AA AE AA AA //",
                    "TVqQAAMA\nAAAEAAAA\n//8AALgA\n",
                    "JVNJAAADAAAAABAAAAAP77YAAC4A",
                    "4D5A90000300000004000000FFFF0000",
                    "0x4d,0x5a,0x90,0x00,0x03",
                    "4D 5A 90 00 03 00 00 00",
                    "$b = 77,90,144,0,3,0,0,0",
                    "begin 644 photo.exe\nM35J0``,````$\n`\nend\n",
                    "=ybegin line=128 size=9 name=photo.scr\n",
                    &base64(&programs::linux()),
                    &base64(&programs::apple()),
                ]),
                ["", "1", "12"].map(|before| sentence(before).into_bytes()).to_vec(),
            ]
            .concat(),
            vec![
                b"TVqQAAM is my booking code.".to_vec(),
                b"TVqQ AAMA, then AAAE: the letters of the eye test.".to_vec(),
                b"4D 5A 90 kg".to_vec(),
                b"77, 90, 144 were my pulses.".to_vec(),
                b"I begin 644 days after photo.exe".to_vec(),
                base64(&photo).into_bytes(),
                behind("TVqQAAMAAAAEAAAA//8AALgAAAAA"),
            ],
        ),
        (
            "file_in_letters",
            files(&[
                &base64(&archive),
                &base64(texts::PDF.as_bytes()),
                &base64(texts::PAGE.as_bytes()),
                &base64(b"#!/bin/sh\necho harmless and nothing else\n"),
                &base64(b"@echo off\r\necho harmless\r\n"),
                &base64(b"\r\n@ECHO OFF\r\necho harmless\r\n"),
                &base64(b"<body onload=harmless()>see here</body>"),
                "504B0304140000000800000000000000",
                &base64(&programs::shortcut()),
                "begin 644 a.zip\nM4$L#!!0`````\n`\nend\n",
                "(This file must be converted with BinHex 4.0)\n:",
            ]),
            vec![
                base64(&photo).into_bytes(),
                base64("発疹がかゆいです。".as_bytes()).into_bytes(),
                b"UEsDBBQAA is a code on my card.".to_vec(),
                b"504b0304 is the number of my prescription.".to_vec(),
                base64(b"echo of the heart was done").into_bytes(),
                b"I begin 644 days\nafter it.".to_vec(),
                behind(&base64(&archive)),
            ],
        ),
        (
            "test_file_wrapped",
            wrapped_tests(),
            vec![
                test_strings::eicar().into_bytes(),
                b"What is EICAR-STANDARD, and ANTIVIRUS-TEST?".to_vec(),
                texts::JAPANESE.into(),
            ],
        ),
    ])
}

/// The test file as people try to get it through.
fn wrapped_tests() -> Vec<Vec<u8>> {
    let test = test_strings::eicar();
    let hexadecimal = test.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "{byte:02x}");
        all
    });
    // Each letter by thirteen.
    let turned = |byte: u8| match byte {
        b'A'..=b'Z' => char::from((byte - b'A' + 13) % 26 + b'A'),
        other => char::from(other),
    };
    let mut all = files(&[
        &format!("{test}\n"),
        &format!("お願いします {test} です"),
        &test.chars().rev().collect::<String>(),
        &test.bytes().map(turned).collect::<String>(),
        &hexadecimal,
    ]);
    all.extend(["", "1", "12"].map(|before| base64(format!("{before}{test}").as_bytes()).into()));
    all
}

/// Six bits a letter (RFC 4648), without what fills up the end.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter =
        |six: u32| letters.get(six as usize & 63).map_or('=', |letter| char::from(*letter));
    let of_three = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| (bits << 8) | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        (0..=three.len()).map(|place| letter(bits >> (18 - 6 * place))).collect::<String>()
    };
    bytes.chunks(3).map(of_three).collect()
}
