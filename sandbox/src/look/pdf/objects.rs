//! Every object of a document: those in its words, those in its packed streams of objects, those its table leads to.
//!
//! Readers differ in which of them they find and which of two with the same number they take. So all of them are kept,
//! and a value that is an object of its own is weighed as each of those that it could be.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Object, ObjectIdentifier, Stream};
use sekisho_protocol::DecodeLimits;

use super::active::{Active, Asked, Container};
use super::head::{Head, Word};
use super::lexer::{Lexer, What};
use super::unpack::{self, Budget, End};

/// Bytes in which objects stand, and where each begins.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    /// The file, then what its streams of objects hold.
    sources: Vec<Cow<'a, [u8]>>,
    /// Number, source, place: in the order of the numbers.
    places: Vec<(u64, usize, usize)>,
    /// What the streams of objects say.
    active: Active,
    /// They expand to more than is allowed.
    pub(super) is_spent: bool,
    /// One of them is encrypted and cannot be unlocked.
    pub(super) is_locked: bool,
    /// One of them is packed in a way in which nobody packs objects, though some readers unpack it.
    pub(super) is_unreadable: bool,
}

impl<'a> Objects<'a> {
    /// All objects of `file`, whose words are read already; `unlocked` if they are encrypted.
    pub(super) fn of(
        file: &'a [u8],
        words: &Active,
        unlocked: Option<&Pdf>,
        limits: &DecodeLimits,
    ) -> Self {
        let mut places: Vec<_> =
            words.places.iter().map(|(number, at)| (*number, 0, *at)).collect();
        places.sort_unstable();
        let sources = vec![Cow::Borrowed(file)];
        let active = Active::default();
        let mut objects = Self {
            sources,
            places,
            active,
            is_spent: false,
            is_locked: false,
            is_unreadable: false,
        };
        let mut budget = Budget::new(limits.max_expanded.min(MOST_HELD));
        let most = usize::try_from(limits.max_objects).unwrap_or(usize::MAX);
        objects.active.overfull = words.containers.len() > most;
        for container in words.containers.iter().take(most) {
            let data = unlocked.map(|pdf| unlock(pdf, words, container));
            if data == Some(None) {
                objects.is_locked = true;
            } else if !objects.open(container, data.flatten().as_deref(), &mut budget) {
                objects.is_spent = true;
                break;
            }
        }
        objects.places.sort_unstable();
        objects
    }

    /// What the streams of objects say, and what all values that were asked for are.
    pub(super) fn weigh(self, words: &Active, by_table: &Active, pdf: Option<&Pdf>) -> Active {
        let of_all = [words, by_table, &self.active].into_iter();
        let mut open: Vec<_> = of_all.flat_map(|active| active.asked.keys().copied()).collect();
        let (mut found, mut tabled) = (Active::default(), Active::default());
        let (mut done, mut left) = (BTreeSet::new(), MOST_READ);
        while let Some((asked, number)) = open.pop() {
            if done.insert((asked, number)) {
                left = left.saturating_sub(self.answer(asked, number, &mut found));
                answer_by_table(asked, number, pdf, &mut tabled);
                open.extend(std::mem::take(&mut found.asked).into_keys());
                open.extend(std::mem::take(&mut tabled.asked).into_keys());
            }
            if left == 0 {
                found.overfull = true;
                break;
            }
        }
        found.merge(tabled);
        found.merge(self.active);
        found
    }

    /// Weighs all that an object could be, and tells how many bytes that took.
    fn answer(&self, asked: Asked, number: u64, found: &mut Active) -> usize {
        let mut read = 0;
        for (source, at) in self.places_of(number) {
            let bytes = self.sources.get(source).map(AsRef::as_ref).unwrap_or_default();
            // A name or link that matters is short; a long list of actions goes on with further objects.
            let reach = if asked == Asked::Opening { ACTION_REACH } else { VALUE_REACH };
            let mut blank = Lexer::at(bytes, at);
            blank.skip_blank();
            let begin = blank.place();
            let end = begin.saturating_add(reach).min(bytes.len());
            let mut lexer = Lexer::at(bytes.get(..end).unwrap_or_default(), begin);
            let before = lexer.clone();
            match lexer.next().map(|token| token.what) {
                Some(What::OpenDict | What::OpenArray) if asked == Asked::Opening => {
                    lexer = before;
                    found.read_value(&mut lexer, true);
                }
                Some(What::Word(_)) => {
                    lexer = before;
                    if let Some(next) = reference(&mut lexer) {
                        found.ask(asked, next, 0);
                    }
                }
                // A string whose end is farther away, or nowhere: how it begins is enough.
                Some(What::Text(b"(")) => {
                    let text = What::Text(bytes.get(begin..end).unwrap_or_default());
                    found.answer(asked, &text, 0);
                    read += reach;
                }
                Some(token) => found.answer(asked, &token, 0),
                None => {}
            }
            read += lexer.place().saturating_sub(at).max(1);
        }
        read
    }

    fn places_of(&self, number: u64) -> impl Iterator<Item = (usize, usize)> + '_ {
        let from = self.places.partition_point(|(other, ..)| *other < number);
        let all = self.places.get(from..).unwrap_or_default().iter();
        all.take_while(move |(other, ..)| *other == number).map(|(_, source, at)| (*source, *at))
    }

    /// Reads a stream of objects. False once the budget is spent.
    fn open(
        &mut self,
        container: &Container,
        unlocked: Option<&[u8]>,
        budget: &mut Budget,
    ) -> bool {
        let head = self.head(container);
        self.is_unreadable |= head.is_packed_as_picture();
        let file = self.sources.first().map(AsRef::as_ref).unwrap_or_default();
        // Packed data knows its own end, and a false one may stand in it.
        let rest = file.get(container.data.start..).unwrap_or_default();
        let skip = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let rest = rest.get(skip..).unwrap_or_default();
        let between = rest.get(..container.data.len().saturating_sub(skip)).unwrap_or_default();
        let (rest, between) = unlocked.map_or((rest, between), |data| (data, data));
        let mut sources = Vec::new();
        for layers in head.packings() {
            let mut held = Vec::new();
            let data = if layers.is_empty() { between } else { rest };
            let keep = &mut |bytes: &[u8]| held.extend_from_slice(bytes);
            if unpack::unpack(data, &layers, budget, keep) == End::Spent {
                return false;
            }
            sources.push(head.predictor.undo(held));
        }
        for source in sources {
            self.read(source, head.first);
        }
        true
    }

    /// Reads the objects of a stream in the order they stand in, and again each from where its head says.
    fn read(&mut self, source: Vec<u8>, first: usize) {
        let mut pairs = Vec::new();
        let mut numbers = Lexer::new(source.get(..first.min(source.len())).unwrap_or_default())
            .map_while(|token| number(&token.what));
        while let (Some(number), Some(offset)) = (numbers.next(), numbers.next()) {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            pairs.push((number, first.saturating_add(offset)));
        }
        self.active.read(&mut Lexer::at(&source, first));
        let mut each = Active::default();
        let mut left = source.len().saturating_mul(MOST_OVERLAP);
        for (number, at) in pairs {
            if at >= source.len() {
                continue;
            }
            self.places.push((number, self.sources.len(), at));
            let mut lexer = Lexer::at(&source, at);
            if matches!(
                lexer.clone().next().map(|token| token.what),
                Some(What::OpenDict | What::OpenArray)
            ) {
                each.read_value(&mut lexer, false);
                left = left.saturating_sub(lexer.place().saturating_sub(at));
            }
            if left == 0 {
                self.active.overfull = true;
                break;
            }
        }
        self.active.merge(each);
        self.sources.push(Cow::Owned(source));
    }

    fn head(&self, container: &Container) -> Head {
        let file = self.sources.first().map(AsRef::as_ref).unwrap_or_default();
        let bytes = file.get(container.head.clone()).unwrap_or_default();
        let (mut words, mut lookups) = (Vec::new(), 0);
        self.spell_out(bytes, 0, &mut words, &mut lookups);
        Head::of(&words)
    }

    /// The words of a value, those of the objects it refers to in their place.
    fn spell_out(&self, bytes: &[u8], depth: u8, words: &mut Vec<Word>, lookups: &mut u32) {
        let start = words.len();
        let mut nested = 0_usize;
        for token in Lexer::new(bytes) {
            if words.len() >= MOST_WORDS {
                return;
            }
            match token.what {
                What::Name { text, .. } => words.push(Word::Name(text.into_owned())),
                What::OpenDict | What::OpenArray => {
                    nested += 1;
                    words.push(Word::Open);
                }
                What::CloseDict | What::CloseArray => {
                    nested = nested.saturating_sub(1);
                    words.push(Word::Close);
                }
                What::Word(b"R") => self.spell_out_object(depth, start, words, lookups),
                What::Word(b"endobj" | b"obj" | b"stream") => return,
                ref word => words.push(number(word).map_or(Word::Other, Word::Number)),
            }
            if depth > 0 && nested == 0 && !matches!(words.last(), Some(Word::Number(_))) {
                return;
            }
        }
    }

    /// Puts an object where its number and generation stand.
    fn spell_out_object(&self, depth: u8, start: usize, words: &mut Vec<Word>, lookups: &mut u32) {
        let [.., Word::Number(number), Word::Number(_)] = words.get(start..).unwrap_or_default()
        else {
            return;
        };
        let place = self.places_of(*number).last();
        words.truncate(words.len() - 2);
        if let Some((source, at)) = place.filter(|_| depth < DEEPEST && *lookups < MOST_LOOKUPS) {
            let bytes = self.sources.get(source).map(AsRef::as_ref).unwrap_or_default();
            let end = at.saturating_add(BLANK_REACH).min(bytes.len());
            let mut blank = Lexer::at(bytes.get(..end).unwrap_or_default(), at);
            blank.skip_blank();
            let begin = blank.place();
            let end = begin.saturating_add(HEAD_REACH).min(bytes.len());
            *lookups += 1;
            self.spell_out(bytes.get(begin..end).unwrap_or_default(), depth + 1, words, lookups);
        }
    }
}

/// The data of an encrypted stream, if the table leads to this very one: its key depends on its number.
fn unlock(pdf: &Pdf, words: &Active, container: &Container) -> Option<Vec<u8>> {
    let before = words.places.partition_point(|(_, at)| *at <= container.head.start);
    let (number, _) = words.places.get(before.checked_sub(1)?)?;
    let id = ObjectIdentifier::new(u32::try_from(*number).ok()?, 0);
    let stream = pdf.xref().get::<Stream<'_>>(id)?;
    let base = pdf.data().as_ref().as_ptr().addr();
    let place = stream.dict().data().as_ptr().addr().checked_sub(base)?;
    (place == container.head.start).then(|| stream.raw_data().into_owned())
}

/// What the table says an object is.
fn answer_by_table(asked: Asked, number: u64, pdf: Option<&Pdf>, found: &mut Active) {
    let Some((pdf, number)) = pdf.zip(u32::try_from(number).ok()) else { return };
    match pdf.xref().get::<Object<'_>>(ObjectIdentifier::new(number, 0)) {
        Some(Object::Name(name)) => {
            let text = Cow::Owned(name.to_vec());
            found.answer(asked, &What::Name { text, disguised: false }, 0);
        }
        Some(Object::Dict(action)) if asked == Asked::Opening => {
            found.read_value(&mut Lexer::new(action.data()), true);
        }
        Some(Object::Array(actions)) if asked == Asked::Opening => {
            found.read_value(&mut Lexer::new(actions.data()), true);
        }
        _ => {}
    }
}

fn reference(lexer: &mut Lexer<'_>) -> Option<u64> {
    let object = number(&lexer.next()?.what)?;
    number(&lexer.next()?.what)?;
    (lexer.next()?.what == What::Word(b"R")).then_some(object)
}

pub(super) fn number(word: &What<'_>) -> Option<u64> {
    match word {
        What::Word(word) => std::str::from_utf8(word).ok()?.parse().ok(),
        _ => None,
    }
}

/// Bytes of streams of objects that are kept at once.
const MOST_HELD: u64 = 64_000_000;
/// How often each byte of such a stream may be read again because objects in it overlap.
const MOST_OVERLAP: usize = 4;
/// Bytes of an action, and of a name or link, that is an object of its own.
const ACTION_REACH: usize = 64 * 1024;
const VALUE_REACH: usize = 4096;
/// Bytes of an object that a stream's dictionary refers to, and of what may stand before it.
const HEAD_REACH: usize = 512;
const BLANK_REACH: usize = 4096;
/// Objects that refer to objects.
const DEEPEST: u8 = 4;
/// Words of the dictionary of a stream of objects.
const MOST_WORDS: usize = 500;
/// Objects that it may refer to.
const MOST_LOOKUPS: u32 = 8;
/// Bytes that are read to weigh what was asked for.
const MOST_READ: usize = 200_000_000;
