//! What a document would do in a reader that does what documents ask for.
//!
//! Nothing of it reaches a rendition. It is told because nobody sends a doctor a document that runs programs without
//! meaning something by it. A value that is an object of its own is asked for here and looked up by [`super::objects`].

use std::collections::BTreeMap;
use std::ops::Range;

use sekisho_protocol::FindingCode;

use super::codes::{LINKS, WEIGHED, of_key, of_value};
use super::lexer::{Lexer, Token, What};
use super::place::{Pending, Place, Says, Waiting};
use super::strings::is_active_link;

/// What was seen so far: each code with its first place, and how often.
#[derive(Debug, Default)]
pub(super) struct Active {
    seen: BTreeMap<u8, (FindingCode, usize, u64)>,
    /// A dictionary names how the document is encrypted.
    pub(super) encrypted: bool,
    /// Keywords that begin an object.
    pub(super) objects: u64,
    /// Where each object's value begins, by its number.
    pub(super) places: Vec<(u64, usize)>,
    /// Streams that hold objects.
    pub(super) containers: Vec<Container>,
    /// What is an object of its own, and what it is the value of.
    pub(super) asked: BTreeMap<(Asked, u64), usize>,
    /// There were more of these than are kept.
    pub(super) overfull: bool,
    /// Named actions at opening of which it is not known yet that they only print.
    named: Vec<usize>,
    /// Turnings to another file of which it is not known yet that it is a document beside this one.
    turnings: Vec<usize>,
}

/// Why an object's value matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Asked {
    /// It is the value of one of [`WEIGHED`].
    Value(&'static [u8]),
    /// It is done at opening.
    Opening,
    /// It is the kind of what is done at opening.
    OpeningKind,
}

/// A stream that holds objects: its dictionary, and its data as far as the words tell.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) head: Range<usize>,
    pub(super) data: Range<usize>,
}

impl Active {
    /// Reads all words of a lexer.
    pub(super) fn read(&mut self, lexer: &mut Lexer<'_>) {
        let mut place = Place::default();
        while let Some(token) = lexer.next() {
            self.take(token, &mut place);
            if let Some(container) = place.container.take() {
                let data = lexer.streams.last().cloned().unwrap_or_default();
                keep(&mut self.containers, Container { head: container, data }, &mut self.overfull);
            }
        }
        self.weigh_open();
    }

    /// Reads one value, a dictionary or array to its end.
    pub(super) fn read_value(&mut self, lexer: &mut Lexer<'_>, is_opening: bool) {
        let mut place = if is_opening { Place::opening() } else { Place::default() };
        let base = place.depth();
        for token in lexer {
            if matches!(token.what, What::Word(b"obj" | b"endobj" | b"stream")) {
                break;
            }
            self.take(token, &mut place);
            if place.depth() <= base {
                break;
            }
        }
        self.weigh_open();
    }

    /// Adds what another reading of the same document saw, and where only that did, without a place.
    pub(super) fn merge(&mut self, other: Self) {
        for (number, (code, _, count)) in other.seen {
            let (_, _, most) = self.seen.entry(number).or_insert((code, 0, 0));
            *most = count.max(*most);
        }
        self.asked.extend(other.asked);
        self.overfull |= other.overfull;
    }

    pub(super) fn add(&mut self, code: FindingCode, at: usize) {
        let (_, _, count) = self.seen.entry(code.code()).or_insert((code, at, 0));
        *count += 1;
    }

    /// The codes, what weighs most first, with place and count.
    pub(super) fn into_list(self) -> impl Iterator<Item = (FindingCode, usize, u64)> {
        self.seen.into_values()
    }

    /// Weighs a value that was asked for.
    pub(super) fn answer(&mut self, asked: Asked, token: &What<'_>, at: usize) {
        match (asked, token) {
            (Asked::Value(key), What::Name { text, disguised }) => {
                self.weigh(of_value(key, text), *disguised, at);
            }
            (Asked::Value(key), What::Text(text))
                if LINKS.contains(&key) && is_active_link(text) =>
            {
                self.add(FindingCode::ActiveLink, at);
            }
            (Asked::OpeningKind, What::Name { text, .. }) if text.as_ref() != b"GoTo" => {
                self.add(FindingCode::PdfAutoAction, at);
            }
            _ => {}
        }
    }

    /// Asks for an object.
    pub(super) fn ask(&mut self, asked: Asked, number: u64, at: usize) {
        if self.asked.len() < MOST {
            self.asked.entry((asked, number)).or_insert(at);
        } else {
            self.overfull = true;
        }
    }

    fn weigh(&mut self, code: Option<FindingCode>, disguised: bool, at: usize) {
        if let Some(code) = code {
            self.add(code, at);
            if disguised {
                self.add(FindingCode::PdfHiddenName, at);
            }
        }
    }

    /// What a reader is asked for by a name is more than printing, and where it is to turn is anywhere, unless its dictionary
    /// said so to its end.
    fn weigh_open(&mut self) {
        for at in std::mem::take(&mut self.named) {
            self.add(FindingCode::PdfAutoAction, at);
        }
        for at in std::mem::take(&mut self.turnings) {
            self.add(FindingCode::PdfRemoteGoTo, at);
        }
    }

    fn take(&mut self, token: Token<'_>, place: &mut Place) {
        let at = token.at;
        self.weigh_pending(&token.what, at, place);
        match token.what {
            What::Word(word) => return self.word(word, at, place),
            What::Name { text, disguised } => {
                // What begins an object is the value of whatever refers to it.
                if !place.is_body() {
                    self.name(text.into_owned(), disguised, at, place);
                }
            }
            What::Text(text) => {
                let key = place.value(Says::Text(text));
                if let Some(link) = LINKS.iter().find(|link| key.as_deref() == Some(**link)) {
                    self.answer(Asked::Value(link), &What::Text(text), at);
                }
            }
            What::OpenDict => place.open_dict(at),
            What::OpenArray => place.open_array(at),
            What::CloseDict | What::CloseArray => {
                let does = place.close(at);
                if does.leads_away {
                    self.add(FindingCode::PdfRemoteGoTo, at);
                }
                if does.turns && self.turnings.pop().is_some() {
                    self.add(FindingCode::PdfLinks, at);
                }
                if does.prints && self.named.pop().is_some() {
                    self.add(FindingCode::PdfPrintsItself, at);
                }
                return;
            }
        }
        place.go_on();
    }

    /// Whether the value of a key names files, or actions. A signature for usage rights has instead of files a list of what
    /// may be done to them, and a list of nothing but names is no file; some writers leave an empty dictionary of actions.
    fn weigh_pending(&mut self, token: &What<'_>, at: usize, place: &mut Place) {
        let is_name = matches!(token, What::Name { .. } | What::CloseArray);
        let Some(pending) = place.pending.take() else {
            if !is_name && place.in_files() {
                self.add(FindingCode::PdfEmbeddedFile, at);
            }
            return;
        };
        let code = match (pending.what, token) {
            (Waiting::Files, What::OpenArray) | (Waiting::InActions, What::CloseDict) => return,
            (Waiting::Actions, What::OpenDict) => {
                place.pending = Some(Pending { what: Waiting::InActions, ..pending });
                return;
            }
            (Waiting::Files, _) => FindingCode::PdfEmbeddedFile,
            (Waiting::Actions | Waiting::InActions, _) => FindingCode::PdfAutoAction,
        };
        self.weigh(Some(code), pending.disguised, pending.at);
    }

    fn name(&mut self, text: Vec<u8>, disguised: bool, at: usize, place: &mut Place) {
        place.drop_number();
        if place.in_array() {
            place.key = None;
        } else if let Some((key, hidden)) = place.key.take() {
            place.note(&key, Says::Name(&text));
            if key == b"S" && place.is_opening() {
                match text.as_slice() {
                    b"GoTo" => {}
                    b"Named" => keep(&mut self.named, at, &mut self.overfull),
                    _ => self.add(FindingCode::PdfAutoAction, at),
                }
            }
            if (key.as_slice(), text.as_slice()) == (b"S", b"GoToR") && !disguised && !hidden {
                keep(&mut self.turnings, at, &mut self.overfull);
            } else {
                self.weigh(of_value(&key, &text), disguised || hidden, at);
            }
        } else {
            self.encrypted |= text == b"Encrypt";
            place.note_key(&text);
            let what = match text.as_slice() {
                b"EF" => Some(Waiting::Files),
                b"AA" => Some(Waiting::Actions),
                _ => None,
            };
            place.pending = what.map(|what| Pending { at, disguised, what });
            self.weigh(of_key(&text), disguised, at);
            place.key = Some((text, disguised));
        }
    }

    fn word(&mut self, word: &[u8], at: usize, place: &mut Place) {
        match word {
            b"obj" => {
                self.objects += 1;
                if let Some(number) = place.referred() {
                    let value = (number, at + word.len());
                    keep(&mut self.places, value, &mut self.overfull);
                }
                place.begin();
            }
            b"endobj" => *place = Place::default(),
            b"R" => {
                if let Some(number) = place.referred() {
                    self.refer(number, at, place);
                }
                place.go_on();
            }
            b"stream" => {
                if place.end_head() {
                    self.add(FindingCode::PdfOutsidePart, at);
                }
            }
            _ => place.number(word),
        }
    }

    /// A value is another object.
    fn refer(&mut self, number: u64, at: usize, place: &mut Place) {
        let is_opening = place.is_opening();
        match place.value(Says::Other) {
            Some(key) => {
                if is_opening && key == b"S" {
                    self.ask(Asked::OpeningKind, number, at);
                }
                if key == b"OpenAction" || (is_opening && key == b"Next") {
                    self.ask(Asked::Opening, number, at);
                }
                if let Some(weighed) = WEIGHED.iter().find(|weighed| key == **weighed) {
                    self.ask(Asked::Value(weighed), number, at);
                }
            }
            None if is_opening && place.in_array() => self.ask(Asked::Opening, number, at),
            None => {}
        }
    }
}

fn keep<T>(list: &mut Vec<T>, item: T, overfull: &mut bool) {
    if list.len() < MOST {
        list.push(item);
    } else {
        *overfull = true;
    }
}

/// Objects, containers and values that are objects: more than any document within the limit of objects has.
const MOST: usize = 1_000_000;

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
            PdfLinks, PdfOutsidePart, PdfPrintsItself, PdfRemoteGoTo, PdfRichMedia, PdfScript,
            PdfSubmitForm, PdfXfa,
        };
        for (text, expected) in [
            ("<</S/JavaScript/JS(x)>>", vec![PdfScript]),
            ("<</S/J#61vaScript/JS 5 0 R>>", vec![PdfScript, PdfHiddenName]),
            ("<</#53/Launch/F(x)>>", vec![PdfLaunch, PdfHiddenName]),
            ("<</Names<</JavaScript 3 0 R>>>>", vec![PdfScript]),
            ("<</Names<</EmbeddedFiles 3 0 R>>>>", vec![PdfEmbeddedFile]),
            ("<</Type/Filespec/EF<</F 3 0 R>>>>", vec![PdfEmbeddedFile]),
            ("<</EF 3 0 R>>", vec![PdfEmbeddedFile]),
            ("<</EF[3 0 R]>>", vec![PdfEmbeddedFile]),
            ("<</EF[/Create<</F 3 0 R>>]>>", vec![PdfEmbeddedFile]),
            ("<</E#46[[/Create]]>>", vec![PdfEmbeddedFile]),
            ("<</E#46<</F 3 0 R>>>>", vec![PdfEmbeddedFile, PdfHiddenName]),
            ("<</Type/TransformParams/EF[/Create/Delete]/Msg(a)>>", vec![]),
            ("<</Subtype/RichMedia>>", vec![PdfRichMedia]),
            ("<</AcroForm<</XFA[(a) 3 0 R]>>>>", vec![PdfXfa, PdfForm]),
            ("<</S/SubmitForm/F(x)>>", vec![PdfSubmitForm]),
            ("<</S/GoToR/F(x)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(part two.pdf)/D[0/Fit]/NewWindow true>>", vec![PdfLinks]),
            ("<</F(a/b_2-c.PDF#x)/S/GoToR>>", vec![PdfLinks]),
            ("<</S/GoToR/F<FEFF0061002E007000640066>>>", vec![PdfLinks]),
            ("<</S/GoToR/F(//host/a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(/etc/a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(a//b.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(../a.pdf)>>", vec![PdfRemoteGoTo]),
            (r"<</S/GoToR/F(\\\\host\\a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F<5C5C686F73745C612E706466>>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(file:a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(%2e%2e/a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(a.pdf#../b)>>", vec![PdfLinks]),
            ("<</S/GoToR/F(a.exe#.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(#a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(a.pdf)/F(b)>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(a.pdf)/F 3 0 R>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F<</F(a.pdf)/UF(b)>>>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/F(a.pdf)/Next<</S/GoToR/F(b)>>>>", vec![PdfRemoteGoTo, PdfLinks]),
            ("<</S/GoToR/F(a)/Next<</S/GoToR/F(b.pdf)>>>>", vec![PdfRemoteGoTo, PdfLinks]),
            ("<</S/GoToR/F(a.pdf)", vec![PdfRemoteGoTo]),
            ("<</S/GoToR>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToR/Next<</F(a.pdf)>>>>", vec![PdfRemoteGoTo]),
            ("<</S/GoToE/F(a.pdf)>>", vec![PdfRemoteGoTo]),
            ("<</S/G#6FToR/F(a.pdf)>>", vec![PdfRemoteGoTo, PdfHiddenName]),
            ("<</OpenAction<</S/GoToR/F(a.pdf)>>>>", vec![PdfAutoAction, PdfLinks]),
            ("<</S/Thread/F(a.pdf)/D 0>>", vec![PdfRemoteGoTo]),
            ("<</Length 0/F(a.pdf)>>stream endstream", vec![PdfOutsidePart]),
            ("<</AA<</O 3 0 R>>>>", vec![PdfAutoAction]),
            ("<</AA 3 0 R>>", vec![PdfAutoAction]),
            ("<</A#41<</O 3 0 R>>>>", vec![PdfAutoAction, PdfHiddenName]),
            ("<</AA<<>>/S/GoTo>>", vec![]),
            ("<</S/URI/URI(https://a)>>", vec![PdfLinks]),
            ("<</S/URI/URI( JavaScript:x)>>", vec![ActiveLink, PdfLinks]),
            ("<</S/URI/URI<6A617661736372697074 3A>>>", vec![ActiveLink, PdfLinks]),
            ("<</URI<</Base(file:///)>>>>", vec![ActiveLink]),
            ("<</S/Thread/D 0>>", vec![]),
            ("<</S/Thread/F(x)/D 0>>", vec![PdfRemoteGoTo]),
            ("<</F 3 0 R/D<</A 1>>/S/Thread>>", vec![PdfRemoteGoTo]),
            ("<</Subtype/PS>>stream endstream", vec![PdfScript]),
            ("<</Subtype/Form/Ref<</F(x)>>>>stream endstream", vec![PdfOutsidePart]),
            ("<</Length 0/F(x)>>stream endstream", vec![PdfOutsidePart]),
            ("<</Length 0/FFilter/Fl>>stream endstream", vec![PdfOutsidePart]),
            ("<</F/Fl/Length 0>>stream endstream", vec![]),
            ("<</S/P/Ref[3 0 R]>>", vec![]),
            ("<</OpenAction<</S/GoTo/Next<</S/Named/N/Print>>>>>>", vec![PdfPrintsItself]),
            ("<</OpenAction<</N/Print/S/Named>>>>", vec![PdfPrintsItself]),
            ("<</OpenAction<</N/Print/N/SaveAs/S/Named>>>>", vec![PdfAutoAction]),
            ("<</OpenAction<</N 3 0 R/N/Print/S/Named>>>>", vec![PdfAutoAction]),
            (
                "<</OpenAction<</S/Named/N/Print/S/Launch>>>>",
                vec![PdfLaunch, PdfAutoAction, PdfPrintsItself],
            ),
            (
                "<</OpenAction<</S/Named/N/Print/Next<</S/Named/N/Quit>>>>>>",
                vec![PdfAutoAction, PdfPrintsItself],
            ),
            ("<</OpenAction<</S/Named/N/Print", vec![PdfAutoAction]),
            ("<</AA<</O<</S/Named/N/Print>>>>>>", vec![PdfAutoAction]),
            ("<</S/Named/N/Print>>", vec![]),
            ("<</OpenAction<</S/GoTo/Next[<</S/Hide>>]>>>>", vec![PdfAutoAction]),
            ("<</OpenAction<</S/GoTo/D[3 0 R/Fit]/X<</S/Named>>>>>>", vec![]),
            ("<</OpenAction[5 0 R/FitH 100]>>", vec![]),
            ("<</N 3/S/Launch>>", vec![PdfLaunch]),
            ("<</N 3 0 R/S/Launch>>", vec![PdfLaunch]),
            ("<</Title(/JavaScript /Launch)/S/GoTo/D[1 0 R/Fit]>>", vec![]),
            ("<</Font<</F1 3 0 R>>/ProcSet[/PDF/JS/Launch]>>", vec![]),
            ("<</BaseFont/JavaScript/Name/Launch/Type/Sound>>", vec![]),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }

    #[test]
    fn depth_hides_nothing() {
        for depth in [199, 201, 5000] {
            let text = format!("<</A {}<</B 1/S/Launch>>", "[".repeat(depth));
            assert_eq!(codes(&text), [FindingCode::PdfLaunch], "{depth}");
            let deep = format!("<</A {}{}/S/Launch>>", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(codes(&deep), [FindingCode::PdfLaunch], "behind {depth}");
        }
    }

    #[test]
    fn objects_that_are_values_are_asked_for() {
        let asked = |text: &str| -> Vec<(Asked, u64)> {
            let mut active = Active::default();
            active.read(&mut Lexer::new(text.as_bytes()));
            active.asked.into_keys().collect()
        };
        assert_eq!(asked("<</S 7 0 R/N 5 0 R>>"), [(Asked::Value(b"S"), 7)]);
        assert_eq!(asked("<</OpenAction 7 0 R>>"), [(Asked::Opening, 7)]);
        let within = "<</OpenAction<</S 6 0 R/Next[7 0 R]/D 5 0 R>>>>";
        let expected = [(Asked::Value(b"S"), 6), (Asked::Opening, 7), (Asked::OpeningKind, 6)];
        assert_eq!(asked(within), expected);
    }
}
