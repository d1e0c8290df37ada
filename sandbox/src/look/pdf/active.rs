//! What a document would do in a reader that does what documents ask for.
//!
//! Nothing of it reaches a rendition. It is told because nobody sends a doctor a document that runs programs without
//! meaning something by it.

use std::collections::BTreeMap;

use sekisho_protocol::FindingCode;

use super::lexer::{Lexer, Token, What};

/// What was seen so far: each code with its first place, and how often.
#[derive(Debug, Default)]
pub(super) struct Active {
    seen: BTreeMap<u8, (FindingCode, usize, u64)>,
    /// A dictionary names how the document is encrypted.
    pub(super) encrypted: bool,
    /// Keywords that begin an object.
    pub(super) objects: u64,
}

impl Active {
    /// Reads all words of a lexer.
    pub(super) fn read(&mut self, lexer: &mut Lexer<'_>) {
        let mut place = Place::default();
        for token in lexer {
            self.take(token, &mut place);
        }
    }

    /// Adds what another reading of the same document saw, and where only that did, without a place.
    pub(super) fn merge(&mut self, other: Self) {
        for (number, (code, _, count)) in other.seen {
            let (_, _, most) = self.seen.entry(number).or_insert((code, 0, 0));
            *most = count.max(*most);
        }
    }

    pub(super) fn add(&mut self, code: FindingCode, at: usize) {
        let (_, _, count) = self.seen.entry(code.code()).or_insert((code, at, 0));
        *count += 1;
    }

    /// The codes, what weighs most first, with place and count.
    pub(super) fn into_list(self) -> impl Iterator<Item = (FindingCode, usize, u64)> {
        self.seen.into_values()
    }

    fn take(&mut self, token: Token<'_>, place: &mut Place) {
        let at = token.at;
        match token.what {
            What::Name { text, disguised } => {
                let disguised = disguised || place.key.as_ref().is_some_and(|key| key.disguised);
                let code = match place.key.take().filter(|_| place.in_dict()) {
                    Some(key) => of_value(&key.text, &text),
                    None if place.in_array() => None,
                    None => {
                        self.encrypted |= &*text == b"Encrypt";
                        let code = of_key(&text);
                        place.key = Some(Key { text: text.into_owned(), disguised });
                        code
                    }
                };
                if let Some(code) = code {
                    self.add(code, at);
                    if disguised {
                        self.add(FindingCode::PdfHiddenName, at);
                    }
                }
            }
            What::Text(text) => {
                if place.key.take().is_some_and(|key| key.text == b"URI") && is_active_link(text) {
                    self.add(FindingCode::ActiveLink, at);
                }
            }
            What::Word(word) => {
                self.objects += u64::from(word == b"obj");
                place.key = None;
                if matches!(word, b"obj" | b"endobj") {
                    place.inside.clear();
                }
            }
            What::OpenDict => place.open(Inside::Dict),
            What::OpenArray => place.open(Inside::Array),
            What::CloseDict | What::CloseArray => place.close(),
        }
    }
}

/// Where in a structure the next word stands.
#[derive(Debug, Default)]
struct Place {
    inside: Vec<Inside>,
    /// The key whose value comes next.
    key: Option<Key>,
}

#[derive(Debug)]
struct Key {
    text: Vec<u8>,
    disguised: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inside {
    Dict,
    Array,
}

impl Place {
    fn in_array(&self) -> bool {
        self.inside.last() == Some(&Inside::Array)
    }

    fn in_dict(&self) -> bool {
        !self.in_array()
    }

    /// Deeper than any honest document, structures are no longer told apart, but names still are.
    fn open(&mut self, inside: Inside) {
        self.key = None;
        if self.inside.len() < DEEPEST {
            self.inside.push(inside);
        }
    }

    fn close(&mut self) {
        self.key = None;
        self.inside.pop();
    }
}

fn of_key(key: &[u8]) -> Option<FindingCode> {
    Some(match key {
        b"JS" | b"JavaScript" => FindingCode::PdfScript,
        b"EmbeddedFiles" | b"EF" => FindingCode::PdfEmbeddedFile,
        b"RichMediaContent" | b"RichMediaSettings" => FindingCode::PdfRichMedia,
        b"XFA" => FindingCode::PdfXfa,
        b"AA" => FindingCode::PdfAutoAction,
        b"AcroForm" => FindingCode::PdfForm,
        _ => return None,
    })
}

fn of_value(key: &[u8], value: &[u8]) -> Option<FindingCode> {
    Some(match (key, value) {
        (b"S", b"JavaScript") => FindingCode::PdfScript,
        (b"S", b"Launch") => FindingCode::PdfLaunch,
        (b"S", b"SubmitForm" | b"ImportData") => FindingCode::PdfSubmitForm,
        (b"S", b"GoToR" | b"GoToE") => FindingCode::PdfRemoteGoTo,
        (b"S", b"URI") => FindingCode::PdfLinks,
        (b"S", b"Rendition" | b"Movie" | b"Sound" | b"RichMediaExecute" | b"GoTo3DView")
        | (b"Subtype", b"RichMedia" | b"Movie" | b"Sound" | b"Screen" | b"3D") => {
            FindingCode::PdfRichMedia
        }
        (b"Subtype", b"FileAttachment") | (b"Type", b"EmbeddedFile") => {
            FindingCode::PdfEmbeddedFile
        }
        _ => return None,
    })
}

/// A link that is code or leads into the reader's own machine.
fn is_active_link(written: &[u8]) -> bool {
    let start: Vec<u8> = written
        .iter()
        .skip(1)
        .filter(|byte| !byte.is_ascii_whitespace())
        .take(16)
        .map(u8::to_ascii_lowercase)
        .collect();
    [&b"javascript:"[..], b"vbscript:", b"data:", b"file:"]
        .iter()
        .any(|scheme| start.starts_with(scheme))
}

/// Nesting of dictionaries and arrays.
const DEEPEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<FindingCode> {
        let mut active = Active::default();
        active.read(&mut Lexer::new(text.as_bytes()));
        active.into_list().map(|(code, _, _)| code).collect()
    }

    #[test]
    fn active_content_is_named_and_look_alikes_are_not() {
        use FindingCode::{
            ActiveLink, PdfAutoAction, PdfEmbeddedFile, PdfForm, PdfHiddenName, PdfLaunch,
            PdfLinks, PdfRemoteGoTo, PdfRichMedia, PdfScript, PdfSubmitForm, PdfXfa,
        };
        for (text, expected) in [
            ("<</S/JavaScript/JS(x)>>", vec![PdfScript]),
            ("<</S/J#61vaScript/JS 5 0 R>>", vec![PdfScript, PdfHiddenName]),
            ("<</#53/Launch/F(x)>>", vec![PdfLaunch, PdfHiddenName]),
            ("<</Names<</JavaScript 3 0 R>>>>", vec![PdfScript]),
            ("<</Names<</EmbeddedFiles 3 0 R>>>>", vec![PdfEmbeddedFile]),
            ("<</Type/Filespec/EF<</F 3 0 R>>>>", vec![PdfEmbeddedFile]),
            ("<</Subtype/RichMedia>>", vec![PdfRichMedia]),
            ("<</AcroForm<</XFA[(a) 3 0 R]>>>>", vec![PdfXfa, PdfForm]),
            ("<</S/SubmitForm/F(x)>>", vec![PdfSubmitForm]),
            ("<</S/GoToR/F(x)>>", vec![PdfRemoteGoTo]),
            ("<</AA<</O 3 0 R>>>>", vec![PdfAutoAction]),
            ("<</S/URI/URI(https://a)>>", vec![PdfLinks]),
            ("<</S/URI/URI( JavaScript:x)>>", vec![ActiveLink, PdfLinks]),
            ("<</Title(/JavaScript /Launch)/S/GoTo/D[1 0 R/Fit]>>", vec![]),
            ("<</Font<</F1 3 0 R>>/ProcSet[/PDF/JS/Launch]>>", vec![]),
            ("<</BaseFont/JavaScript/Name/Launch/Type/Sound>>", vec![]),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }
}
