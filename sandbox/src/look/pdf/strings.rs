//! What a string says, however it is written.

use crate::look::text;

/// The bytes of a literal or hexadecimal string with its brackets, escapes undone. Of UTF-16 what is Latin stays, and
/// everything else becomes a question mark: only links are read here.
pub(super) fn decoded(written: &[u8]) -> Vec<u8> {
    let bytes = match written.split_first() {
        Some((b'(', rest)) => literal(rest),
        Some((b'<', rest)) => hexadecimal(rest),
        _ => return Vec::new(),
    };
    latin(bytes)
}

/// Of UTF-16 what is Latin.
fn latin(bytes: Vec<u8>) -> Vec<u8> {
    let narrow = |units: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = units.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        units.map(|unit| u8::try_from(unit).unwrap_or(b'?')).collect()
    };
    match bytes.as_slice() {
        [0xFE, 0xFF, units @ ..] => narrow(units, u16::from_be_bytes),
        [0xFF, 0xFE, units @ ..] => narrow(units, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, text @ ..] => text.to_vec(),
        _ => bytes,
    }
}

/// Whether a link is code or leads into the reader's own machine or network.
pub(super) fn is_active_link(written: &[u8]) -> bool {
    is_active(&decoded(written))
}

/// The same of a string's bytes, read already.
pub(super) fn is_active(link: &[u8]) -> bool {
    let mut link = latin(link.to_vec());
    link.retain(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_control());
    text::is_active_link(&link) && !leads_to_a_page_here(&link)
}

/// Whether a link leads to a page or a picture on the reader's own disk, as writers leave where what they printed lay there
/// itself. No other machine is asked and nothing is run.
fn leads_to_a_page_here(link: &[u8]) -> bool {
    let link = link.to_ascii_lowercase();
    let Some(path) = link.strip_prefix(b"file:///") else { return false };
    let is_in_doubt = path.first().is_none_or(|byte| *byte == b'/')
        || DISGUISES.iter().any(|sign| memchr::memmem::find(path, sign).is_some());
    let path = path.split(|byte| matches!(byte, b'#' | b'?')).next().unwrap_or_default();
    let is_page = PAGES.iter().any(|ending| path.ends_with(ending));
    // Written before what was a link of a page already.
    let is_joined =
        [&b"/http:/"[..], b"/https:/"].iter().any(|it| memchr::memmem::find(path, it).is_some());
    !is_in_doubt && (is_page || is_joined)
}

/// Whether a string is the name of a document in the folder of this one or below: no other machine is asked, and nothing can
/// be meant but a document.
pub(super) fn is_document_beside(written: &[u8]) -> bool {
    let name = decoded(written);
    let path = name.split(|byte| *byte == b'#').next().unwrap_or_default();
    let is_plain = |part: &[u8]| {
        !part.is_empty()
            && part != b".."
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+ ".contains(byte))
    };
    path.len() > ENDING.len()
        && path.to_ascii_lowercase().ends_with(ENDING)
        && path.split(|byte| *byte == b'/').all(is_plain)
}

/// Of documents.
const ENDING: &[u8] = b".pdf";
/// What readers open and do not run.
const PAGES: [&[u8]; 9] =
    [b".html", b".htm", b".pdf", b".txt", b".png", b".jpg", b".jpeg", b".gif", b".md"];
/// Ways out of a path, and ways to write them and its end.
const DISGUISES: [&[u8]; 6] = [b"..", b"\\", b"%2e", b"%2f", b"%5c", b"%00"];

fn literal(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b")").unwrap_or(text);
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let digits = rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            let number = rest.iter().take(digits);
            // Readers ignore what is more than a byte.
            bytes.push(number.fold(0, |number: u8, digit| (number << 3) | (digit - b'0')));
            rest = rest.get(digits..).unwrap_or_default();
            continue;
        }
        let Some((escaped, after)) = rest.split_first() else { break };
        rest = after;
        match escaped {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            // A line that goes on.
            b'\r' => rest = rest.strip_prefix(b"\n").unwrap_or(rest),
            b'\n' => {}
            other => bytes.push(*other),
        }
    }
    bytes
}

fn hexadecimal(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let digits: Vec<u8> = text.iter().filter_map(digit).collect();
    let pair = |pair: &[u8]| (pair.first().unwrap_or(&0) << 4) | pair.get(1).unwrap_or(&0);
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_however_it_is_written() {
        for active in [
            &b"(javascript:x)"[..],
            b"( Java\\\nScript:x)",
            b"(\\152avascript:x)",
            b"(\\javascri\\160t:x)",
            b"(java\\tscript\\072x)",
            b"<6A 61 76 61 73 63 72 69 70 74 3A>",
            b"(\xFE\xFF\0f\0i\0l\0e\0:)",
            b"(\\376\\377\\000f\\000i\\000l\\000e\\000:)",
            b"<FFFE660069006C0065003A00>",
            b"(\xEF\xBB\xBFfile:x)",
            b"(\\\\\\\\192.0.2.1\\\\a)",
            b"(//192.0.2.1/a)",
            b"(/\\\\192.0.2.1/a)",
            b"(smb://192.0.2.1/a)",
            b"(ldap://192.0.2.1/)",
            b"(MS-MSDT:/id PCWDiagnostic)",
            b"(file:///C:/Windows/System32/calc.exe)",
            b"(file:///C:/Windows/System32/calc)",
            b"(file:////192.0.2.1/a.html)",
            b"(file://192.0.2.1/a.html)",
            b"(file:///a/../../b.html)",
            b"(file:///a.exe#b.html)",
            b"(file:///a.exe%00.html)",
            b"(file:///C:\\\\a.html)",
            b"(file:///)",
            b"(ms-officecmd:{})",
            b"(ms-visio:ofe|u|x)",
            b"(HCP://x)",
            b"(tel:*21*0312345678#)",
            b"(ssh://-oProxyCommand=x)",
            b"(search-ms:query=x&crumb=location:\\\\\\\\192.0.2.1\\\\a)",
            b"(\xFE\xFF\0m\0s\0-\0a\0p\0p\0i\0n\0s\0t\0a\0l\0l\0e\0r\0:\0?)",
        ] {
            assert!(is_active_link(active), "{}", String::from_utf8_lossy(active));
        }
        for harmless in [
            &b"(https://example.org/?a=javascript:x)"[..],
            b"(mailto:file@example.org)",
            b"(tel:0312345678)",
            b"(file:///C:/Users/aoba/Desktop/%E8%96%AC.HTML#2)",
            b"(file:///home/aoba/https:/example.org/about)",
            b"(data)",
            b"(/file:a)",
            b"(a//192.0.2.1)",
            b"<68747470733A>",
            b"(\xFE\xFF\x30\x42\0f\0i\0l\0e\0:)",
            b"",
            b"(",
            b"(\\",
        ] {
            assert!(!is_active_link(harmless), "{}", String::from_utf8_lossy(harmless));
        }
    }
}
