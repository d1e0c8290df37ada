use super::*;

fn kinds(bytes: &[u8]) -> Vec<u64> {
    let mut notes = Notes::default();
    in_metadata(bytes, 0, &mut notes);
    notes.into_list().iter().map(|finding| finding.value).collect()
}

#[test]
fn pages_and_scripts_are_found_however_they_are_written() {
    let one = |kind: FileKind| vec![u64::from(kind.code())];
    assert_eq!(kinds(b"a <ScRiPt src=x>"), one(FileKind::Html));
    assert_eq!(kinds(b"<!DOCTYPE HTML>"), one(FileKind::Html));
    assert_eq!(kinds(b"<?PHP echo 1;"), one(FileKind::Script));
    assert_eq!(kinds(b"\x01\x02<?= $_GET['a'] ?>"), one(FileKind::Script));
    assert_eq!(kinds(b"*/=alert(1);/*"), one(FileKind::Script));
    assert_eq!(kinds(b"*/=alert`1`;/*"), one(FileKind::Script));
    assert_eq!(kinds(b"\x01<%@ page import"), one(FileKind::Script));
    assert_eq!(kinds(b"\0\0\0\x18ftypmp42"), one(FileKind::Video));
}

#[test]
fn in_packed_data_a_page_is_one_only_if_text_goes_on() {
    let kinds = |bytes: &[u8]| {
        let mut notes = Notes::default();
        in_packed(bytes, 0, &mut notes);
        notes.into_list().len()
    };
    assert_eq!(kinds(b"\x9C\xFF<html><script>alert(1)</script>"), 1);
    assert_eq!(kinds(b"\x9C<img\x07\xE3<svg\x01<%@\xFF PK\x03\x04 <script\xFF\xFE\x01\x02\x03"), 0);
}

#[test]
fn a_tag_that_does_something_is_found_whatever_its_name() {
    let one = vec![u64::from(FileKind::Html.code())];
    for page in [
        "<body onload=alert(1)>",
        "<input type=text\nOnFocus='alert(1)' autofocus>",
        "<a href=\"JavaScript:alert(1)\">",
        "<form action=x>",
        "<details/open/ontoggle=alert(1)>",
        "<a href='vbscript:x'>",
        "<meta http-equiv=refresh content=0>",
        "<object data=x>",
        "<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///x'>]>",
        "<xsl:stylesheet version='1.0'>",
    ] {
        assert_eq!(kinds(page.as_bytes()), one, "{page}");
    }
    for text in ["<rdf:li onload='1'>", "<a title='on'> onload=", "<p class=on>", "<b xon=1>"] {
        assert!(kinds(text.as_bytes()).is_empty(), "{text}");
    }
}

#[test]
fn no_known_tag_is_passed_over_for_its_first_letters() {
    for (name, _) in TAGS {
        assert!(may_be_tag(&[b"<", *name].concat()), "{name:?}");
    }
}

#[test]
fn a_page_of_two_bytes_a_letter_is_found() {
    let text = |text: &str, order: fn(u16) -> [u8; 2]| {
        text.encode_utf16().flat_map(order).collect::<Vec<_>>()
    };
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        assert_eq!(kinds(&text("x<script>", order)), [u64::from(FileKind::Html.code())]);
        assert!(kinds(&text("x<scripture>", order)).is_empty());
    }
}

#[test]
fn a_format_of_a_short_mark_is_believed_with_its_header() {
    let padded = |bytes: &[u8]| [b"text ", bytes, &[0; 40]].concat();
    let letters = format!("TVqQAAMAAAAEAAAA//8AALg{}", "A".repeat(40));
    for (bytes, kind) in [
        (&b"BZh91AY&SY"[..], FileKind::Archive),
        (b"\x24\x99-lh5-\0\0\0\0\0\0\0\0\0\0\0\0 \x02", FileKind::Archive),
        (b"FWS\x08\x20\0\0\0\x78\0\x05", FileKind::Executable),
        (b"CWS\x0A\x20\x30\0\0\x78\xDA", FileKind::Executable),
        (b"ZWS\x0D\x20\x30\0\0\x10\0\0\0\x5D\0\0", FileKind::Executable),
        (b"ITSF\x03\0\0\0", FileKind::Document),
        (letters.as_bytes(), FileKind::Executable),
        (b"@echo off\r\necho harmless", FileKind::Script),
        (b"#! /bin/sh\necho harmless", FileKind::Script),
        (b"<!--#exec cmd=\"x\"-->", FileKind::Script),
        (b"<%= something(1) %>", FileKind::Script),
        (b"SQLite format 3\0", FileKind::Archive),
        (b"\xFE\xED\xFA\xCE\0\0\0\x12", FileKind::Executable),
        (b"DICM\x02\0", FileKind::Dicom),
        (b"%!PS-Adobe-3.0 EPSF-3.0", FileKind::Document),
        (b"%!PS\nshowpage", FileKind::Document),
    ] {
        assert_eq!(kinds(&padded(bytes)), [u64::from(kind.code())], "{bytes:x?}");
    }
    for chance in [
        &b"1AY&SY"[..],
        b"\x24\x99-lh5-\0\0\0\0\0\0\0\0\0\0\0\0 \x09",
        b"FWS\x08\xFF\xFF\0\0\x78\0\x05",
        b"CWS\xFF\x20\x30\0\0\x78\xDA",
        b"CWS\x0A\x20\x30\0\0\x12\x34",
        b"TVqQAA and no more",
        b"%!PS\x01\x02",
        b"%!PS-AdobeFont-1.0: Font",
        b"%!PS-Adobe-3.0 Resource-CMap\n",
        b"\x1F\x8B\x08\0\0\0\0\0\x02\x03",
    ] {
        assert!(kinds(&padded(chance)).is_empty(), "{chance:x?}");
    }
    let mut notes = Notes::default();
    at_start(b"\x1F\x8B\x08\0\0\0\0\0\x02\x03", 0, &mut notes);
    assert!(notes.has(FindingCode::SecondFormat));
}

#[test]
fn what_only_resembles_them_is_not() {
    assert!(kinds(b"<scripture> <x:xmpmeta> <rdf:RDF> a < b").is_empty());
    assert!(kinds(b"*/=\x01\x02\x03 #!/ <?=\xFF <%@\x01").is_empty());
    assert!(kinds(b":;<?=?>??@@BADB of a table that counts up").is_empty());
    assert!(kinds(b"B@<?=60:027/48:::* of the widths of a font").is_empty());
    assert!(kinds(b"<?=ABCDEFGHIJKLMN of a table of letters").is_empty());
    assert!(kinds(b"93.+*/=IU`flhhxsnmmm%jjm of the widths of a font").is_empty());
    assert!(kinds(b"ftypes of film").is_empty());
}
