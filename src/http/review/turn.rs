//! Turning the pages of a list: which one an address asks for, and the ways on below a part.

use serde::Deserialize;

use crate::flow::list::{Asked, PageNumber, Part};

/// What an address asks for, as it came.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Turn {
    #[serde(rename = "part")]
    untrusted_part: String,
    #[serde(rename = "page")]
    untrusted_page: String,
}

/// The foot of a part that is longer than its page.
pub(super) struct Foot {
    /// Which rows are shown, from 1.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

impl Turn {
    /// The page of the part that is named; every part's first where none is.
    pub(super) fn asked<W: Copy>(&self, parts: &[W], name: fn(W) -> &'static str) -> Asked<W> {
        let named = parts.iter().copied().find(|part| name(*part) == self.untrusted_part);
        named.map_or(Asked::Beginnings, |part| {
            Asked::Page(part, PageNumber::read(&self.untrusted_page))
        })
    }
}

impl Foot {
    /// Of a part by its name, on the page at an address; none if all of it is shown.
    pub(super) fn of<W, T>(address: &str, name: &str, part: &Part<W, T>) -> Option<Self> {
        let to = |number: PageNumber| format!("{address}?part={name}&page={}", number.get());
        let (previous, next) = (part.number.previous().map(to), part.next().map(to));
        let is_cut = previous.is_some() || next.is_some();
        let (first, last) = (part.before().saturating_add(1), part.until());
        is_cut.then_some(Self { first, last, previous, next })
    }
}
