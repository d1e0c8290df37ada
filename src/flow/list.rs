//! Lists that may be longer than a page: how many there are, and every row on one of the pages.

use crate::app::Slice;

/// Rows of one page.
pub const PAGE: u32 = 200;

/// How far the rows of a part are counted: to count more takes longer than anybody waits for a page.
pub const COUNTED: u64 = 10_000;

/// One part of a list, as far as a page shows it.
pub struct Part<W, T> {
    pub what: W,
    pub rows: Vec<T>,
    /// Of all there are, or more than [`COUNTED`].
    pub count: u64,
    pub number: PageNumber,
}

/// Which page of a part, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageNumber(u32);

/// What of a list is asked for: each part from its beginning, or one page of one part.
#[derive(Clone, Copy, Debug)]
pub enum Asked<W> {
    Beginnings,
    Page(W, PageNumber),
}

impl<W: Copy + PartialEq> Asked<W> {
    /// The page of a part that is asked for, if any is.
    pub(super) fn page_of(self, part: W) -> Option<PageNumber> {
        match self {
            Self::Beginnings => Some(PageNumber::FIRST),
            Self::Page(asked, number) => (asked == part).then_some(number),
        }
    }
}

impl PageNumber {
    pub const FIRST: Self = Self(1);

    /// As it stands in an address; the first for what is no number.
    pub fn read(untrusted_text: &str) -> Self {
        Self(untrusted_text.parse().unwrap_or(1).max(1))
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).filter(|number| *number > 0).map(Self)
    }

    const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) const fn slice(self) -> Slice {
        Slice { skip: self.0.saturating_sub(1).saturating_mul(PAGE), limit: PAGE }
    }
}

impl<W, T> Part<W, T> {
    /// Rows before those that are shown.
    pub fn before(&self) -> u64 {
        self.number.slice().skip.into()
    }

    /// Rows up to the last that is shown.
    pub fn until(&self) -> u64 {
        self.before().saturating_add(self.rows.len() as u64)
    }

    /// The page after this one, if there is one.
    pub fn next(&self) -> Option<PageNumber> {
        let next = self.number.next();
        let is_counted = u64::from(next.slice().skip) < self.count;
        let goes_on = self.count > COUNTED && self.rows.len() == PAGE as usize;
        (is_counted || goes_on).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_last_row() {
        let part = |number, rows: usize| Part {
            what: (),
            rows: vec![(); rows],
            count: 401,
            number: PageNumber(number),
        };
        let shown = |part: &Part<(), ()>| (part.before(), part.until(), part.next());
        assert_eq!(shown(&part(1, 200)), (0, 200, Some(PageNumber(2))));
        assert_eq!(shown(&part(2, 200)), (200, 400, Some(PageNumber(3))));
        assert_eq!(shown(&part(3, 1)), (400, 401, None));
        assert_eq!(part(4, 0).next(), None, "after the last");
        let long = |number, rows| Part { count: COUNTED + 1, ..part(number, rows) };
        assert_eq!(long(60, 200).next(), Some(PageNumber(61)), "beyond what was counted");
        assert_eq!(long(61, 199).next(), None);
        assert_eq!(PageNumber(2).previous(), Some(PageNumber::FIRST));
        assert_eq!(PageNumber::FIRST.previous(), None);
    }

    #[test]
    fn an_address_names_a_page_or_the_first() {
        for (text, number) in [("1", 1), ("7", 7), ("4294967295", u32::MAX)] {
            assert_eq!(PageNumber::read(text), PageNumber(number));
        }
        for text in ["", "0", "-1", "x", "4294967296"] {
            assert_eq!(PageNumber::read(text), PageNumber::FIRST, "{text}");
        }
    }
}
