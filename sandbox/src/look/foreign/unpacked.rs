//! Other formats in what streams of documents unpack to, and in the letters that some of them are written in.

use memchr::{memchr_iter, memmem};
use sekisho_protocol::FileKind;

use super::{
    CONFIRMED, SCRIPTS, SIGNATURES, TAGS, WORD_REACH, at_start, does_follow, is_zip_entry,
    may_be_tag, programs, programs_in_letters, tag,
};
use crate::look::notes::Notes;

/// Programs and archives anywhere in what was packed. Not what a page may show the signs of, as a manual does: texts and
/// documents are found where they begin what was packed.
pub fn in_unpacked(bytes: &[u8], base: usize, notes: &mut Notes) {
    let is_shown = |kind: &FileKind| matches!(kind, FileKind::Pdf | FileKind::Document);
    for (signature, kind) in SIGNATURES.iter().filter(|(_, kind)| !is_shown(kind)) {
        let mut found = memmem::find_iter(bytes, signature).filter(|at| {
            *kind != FileKind::Zip || is_zip_entry(bytes.get(*at..).unwrap_or_default())
        });
        if let Some(offset) = found.next() {
            notes.add_kind(*kind, base + offset);
        }
    }
    for known in CONFIRMED.iter().filter(|known| !is_shown(&known.kind)) {
        let mut starts = memmem::find_iter(bytes, known.mark)
            .filter_map(|at| at.checked_sub(known.before))
            .filter(|start| (known.is_one)(bytes.get(*start..).unwrap_or_default()));
        if let Some(start) = starts.next() {
            notes.add_kind(known.kind, base + start);
        }
    }
    programs(bytes, base, notes);
}

/// What begins here as a file does, a page or a script too, behind a mark or blanks.
pub fn at_unpacked_start(bytes: &[u8], base: usize, notes: &mut Notes) {
    at_start(bytes, base, notes);
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    if let Some(kind) = tag(text).filter(|_| text.first() == Some(&b'<')) {
        notes.add_kind(kind, base);
    } else if SCRIPTS.iter().any(|begun| text.starts_with(begun) && does_follow(begun, text)) {
        notes.add_kind(FileKind::Script, base);
    }
}

/// Whether all of it is written in the 85 letters of `ASCII85Decode`, in lines, with their end mark.
pub fn is_in_letters(bytes: &[u8]) -> bool {
    let is_letter = |byte: &u8| matches!(byte, b'!'..=b'u' | b'z' | b'\r' | b'\n');
    let letters = bytes.trim_ascii().strip_suffix(b"~>");
    letters.is_some_and(|letters| letters.iter().all(is_letter))
}

/// Pages, scripts and programs in data that is written in letters. All of it looks like text, and three or four letters in
/// a row turn up by chance: believed is a tag whose name ends as names of tags do, and a script that goes on as one.
pub fn in_letters(bytes: &[u8], base: usize, notes: &mut Notes) {
    for offset in memchr_iter(b'<', bytes) {
        let begun = bytes.get(offset..).unwrap_or_default();
        let is_value = begun.starts_with(b"<?=") && gives_a_value(begun);
        if !may_be_tag(begun) && !is_value {
            continue;
        }
        if !notes.may_look(base + offset) {
            return;
        }
        let kind = if is_value { Some(FileKind::Script) } else { tag_in_letters(begun) };
        if let Some(kind) = kind {
            notes.add_kind(kind, base + offset);
        }
    }
    programs_in_letters(bytes, base, notes);
}

fn tag_in_letters(bytes: &[u8]) -> Option<FileKind> {
    TAGS.iter().find_map(|(name, kind)| {
        let begun = bytes.get(1..=name.len()).filter(|begun| begun.eq_ignore_ascii_case(name));
        let after = begun.and_then(|_| bytes.get(name.len() + 1..))?;
        let goes_on = match *name {
            b"%@" => DIRECTIVES.iter().any(|word| {
                after.get(..word.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(word))
            }),
            b"?php" => true,
            _ => matches!(after.first(), Some(b'/' | b'>' | b'\r' | b'\n')),
        };
        goes_on.then_some(*kind)
    })
}

/// Whether what follows `<?=` is a call, a command or what a visitor sends.
fn gives_a_value(bytes: &[u8]) -> bool {
    let value = bytes.get(3..).unwrap_or_default();
    let word = value.iter().take(WORD_REACH).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let command = value.strip_prefix(b"`").is_some_and(|command| {
        let reach = command.get(..WORD_REACH.min(command.len())).unwrap_or_default();
        [&b"`;"[..], b"`?>"].iter().any(|end| memmem::find(reach, end).is_some())
    });
    command || value.starts_with(b"$_") || (word > 3 && value.get(word) == Some(&b'('))
}

/// What a page for a server begins with behind `<%@`.
const DIRECTIVES: [&[u8]; 5] = [b"page", b"import", b"include", b"language", b"taglib"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_searched_for_what_they_cannot_hold_by_chance() {
        let kinds = |text: &str| -> Vec<u64> {
            let mut notes = Notes::default();
            assert!(is_in_letters(text.as_bytes()), "{text}");
            in_letters(text.as_bytes(), 0, &mut notes);
            notes.into_list().iter().map(|finding| finding.value).collect()
        };
        let [html, script] = [FileKind::Html, FileKind::Script].map(|kind| u64::from(kind.code()));
        for (text, found) in [
            ("Gat<script>alert(1)</script>~>", html),
            ("Gat<img/src=a/onerror=alert(1)>~>", html),
            ("Gat<HTML\n>~>", html),
            ("Gat<?=$_GET[0]?>~>", script),
            ("Gat<?=`id`;~>", script),
            ("Gat<?=passthru(1)~>", script),
            ("Gat<?php\necho(1);~>", script),
            ("Gat<%@page;~>", script),
        ] {
            assert_eq!(kinds(text), [found], "{text}");
        }
        for chance in [
            "Gatmt9+h4I#XZ*%V/<(u@uBmr=V8?K0\\Z^q/;*/(FTbVb3Ll+WIX_`d$OKqrhCOVS4K[m&h\"~>",
            "*/=PR:<Q$<!)q;NqMdPR:<Q)r(-P2&R<pffob.\\!pXG$tWqsOFt&Z`)eOdrH~>\n",
            "<img8Q<SVG?<%@F9<?=J(3<?=`d$O<?=FT(~>",
        ] {
            assert_eq!(kinds(chance), [0; 0], "{chance}");
        }
        for other in ["Gat<script>alert(1)</script>", "<svg onload=alert(1)>~>", "<?=system(1)~>"] {
            assert!(!is_in_letters(other.as_bytes()), "{other}");
        }
    }
}
