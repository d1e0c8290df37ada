//! How a stream of objects says that it is packed.

use super::predict::Predictor;
use super::unpack::Packing;

/// A word of a stream's dictionary.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    Name(Vec<u8>),
    Number(u64),
    Open,
    Close,
    Other,
}

/// How a stream of objects is packed, and where they begin.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) first: usize,
    filters: Vec<Vec<u8>>,
    /// Under the short key, which some readers take and others do not know.
    short: Vec<Vec<u8>>,
    is_early: bool,
    pub(super) predictor: Predictor,
}

impl Head {
    pub(super) fn of(words: &[Word]) -> Self {
        let mut head = Self { is_early: true, ..Self::default() };
        let mut words = words.iter().skip(1).peekable();
        while let Some(word) = words.next() {
            let Word::Name(key) = word else { continue };
            match (key.as_slice(), words.peek()) {
                (b"Filter", _) => head.filters = names(&mut words),
                (b"F", Some(Word::Name(_) | Word::Open)) => head.short = names(&mut words),
                (b"First", Some(Word::Number(first))) => {
                    head.first = usize::try_from(*first).unwrap_or(usize::MAX);
                }
                (b"EarlyChange", Some(Word::Number(early))) => head.is_early = *early != 0,
                (key, Some(Word::Number(value))) => head.predictor.set(key, *value),
                _ => {}
            }
        }
        head
    }

    /// Whether it is packed as pictures are.
    pub(super) fn is_packed_as_picture(&self) -> bool {
        let mut names = self.filters.iter().chain(&self.short);
        names.any(|name| PICTURES.contains(&name.as_slice()))
    }

    /// The ways to unpack it. A filter that is not known here is passed over, as some readers do.
    pub(super) fn packings(&self) -> Vec<Vec<Packing>> {
        let known = |names: &Vec<Vec<u8>>| -> Vec<Packing> {
            let layers = names.iter().filter_map(|name| Packing::named(name));
            layers
                .map(|layer| match layer {
                    Packing::Lzw { .. } => Packing::Lzw { early: self.is_early },
                    other => other,
                })
                .take(MOST_LAYERS)
                .collect()
        };
        let mut ways = vec![known(&self.filters)];
        if !self.short.is_empty() {
            ways.push(known(&self.short));
        }
        ways
    }
}

/// A name, or the names of a list.
fn names<'w>(words: &mut std::iter::Peekable<impl Iterator<Item = &'w Word>>) -> Vec<Vec<u8>> {
    match words.next() {
        Some(Word::Name(name)) => vec![name.clone()],
        Some(Word::Open) => {
            let listed = words.take_while(|word| **word != Word::Close);
            let name = |word: &Word| match word {
                Word::Name(name) => Some(name.clone()),
                _ => None,
            };
            listed.filter_map(name).collect()
        }
        _ => Vec::new(),
    }
}

const PICTURES: [&[u8]; 6] =
    [b"CCITTFaxDecode", b"CCF", b"JBIG2Decode", b"DCTDecode", b"DCT", b"JPXDecode"];
/// Filters one after another.
const MOST_LAYERS: usize = 8;
