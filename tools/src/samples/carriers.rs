//! Samples of the rules for files that are two things at once, and for containers with something to
//! run in them.

use super::{RuleSamples, files};
use crate::fixtures::{FixtureError, jpeg, png, programs, texts, zip};

pub(super) fn rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let mut all = seam_rules()?;
    all.extend(container_rules()?);
    Ok(all)
}

fn seam_rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let (photo, drawing) = (jpeg::plain()?, png::plain()?);
    let archive = zip(&[("photo.jpg", b"not a photo")])?;
    Ok(vec![
        (
            "gif_and_script",
            files(&["GIF89a/*\0\0\0\0*/=1;alert(1)", "GIF87a=1;alert(1)"]),
            vec![b"GIF89a\x40\0\x40\0\0\0\0;".to_vec(), b"GIF89a is a format */ = x".to_vec()],
        ),
        (
            "jpeg_and_script",
            vec![b"\xff\xd8\xff\xe0/*JFIF\0\0*/=1;alert(1)".to_vec()],
            vec![photo.clone(), b"\xff\xd8\xff\xe0/*JFIF\0\0 no end".to_vec()],
        ),
        (
            "bitmap_and_script",
            vec![b"BM/*\0\0\0\0\0\0*/=1;alert(1)".to_vec()],
            vec![b"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0".to_vec(), b"BM/* is a comment".to_vec()],
        ),
        (
            "pdf_and_archive",
            vec![[texts::PDF.as_bytes(), &archive].concat()],
            vec![
                texts::PDF.into(),
                archive.clone(),
                [texts::PDF.as_bytes(), b"PK\x05\x06\0\0\0\0"].concat(),
            ],
        ),
        (
            "page_and_picture",
            vec![
                [b"<html><body>\n".as_slice(), b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"</body>"]
                    .concat(),
                [b"<script>1</script>".as_slice(), &drawing].concat(),
            ],
            vec![texts::PAGE.into(), photo, [texts::PAGE.as_bytes(), b"\xff\xd8\xff"].concat()],
        ),
        (
            "php_archive",
            files(&["<?php echo 1; __HALT_COMPILER(); ?>\r\n\0"]),
            files(&["<?php echo 1;", "__HALT_COMPILER();", texts::JAPANESE]),
        ),
    ])
}

fn container_rules() -> Result<Vec<RuleSamples>, FixtureError> {
    const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
    const PLAIN: (&str, &[u8]) = ("word/document.xml", b"<w:document/>");
    let office = |name: &'static str, bytes: &'static [u8]| zip(&[TYPES, (name, bytes), PLAIN]);
    let plain = zip(&[TYPES, PLAIN])?;
    let open_document = |member: &'static str| {
        // The type comes first and uncompressed, as its standard asks.
        let mut file = b"PK\x03\x04\x0a\0\0\0\0\0".to_vec();
        file.extend([0; 16]);
        file.extend(b"\x08\0\0\0mimetypeapplication/vnd.oasis.opendocument.text");
        zip(&[(member, b"x")]).map(|rest| [file, rest].concat())
    };
    let letters = zip(&[("letter.txt", texts::ENGLISH.as_bytes()), ("my.example.pdf", b"%PDF")])?;
    Ok(vec![
        (
            "macro_document",
            vec![office("word/vbaProject.bin", b"x")?, office("xl/macrosheets/sheet1.xml", b"x")?],
            vec![plain.clone(), zip(&[("vbaProject.bin", b"x")])?],
        ),
        (
            "macro_open_document",
            vec![open_document("Basic/script-lc.xml")?, open_document("Scripts/python/a.py")?],
            vec![open_document("content.xml")?, zip(&[("Basic/script-lc.xml", b"x")])?],
        ),
        (
            "embedded_object_document",
            vec![
                office("word/embeddings/oleObject1.bin", b"x")?,
                office("word/activeX/activeX1.bin", b"x")?,
            ],
            vec![plain.clone(), zip(&[("word/embeddings/oleObject1.bin", b"x")])?],
        ),
        (
            "archive_with_program",
            vec![
                zip(&[("run.bat", b"echo harmless")])?,
                zip(&[("photo.jpg.exe", b"MZ"), ("letter.txt", b"x")])?,
                zip(&[("letter.txt", b"x"), ("invoice.lnk", b"x")])?,
            ],
            vec![plain, letters, programs::windows(), b"PK\x03\x04 run.bat".to_vec()],
        ),
        (
            "android_program",
            vec![b"dex\n035\0".to_vec(), b"\0asm\x01\0\0\0".to_vec()],
            files(&["dex\nis a word", "asm"]),
        ),
        (
            "flash_program",
            vec![b"FWS\x0a\x40\x01\0\0".to_vec(), b"CWS\x0a\x40\x01\0\0".to_vec()],
            files(&["FWS is my clinic.", "CWSで診てもらいました", "ZWS"]),
        ),
    ])
}
