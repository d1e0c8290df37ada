//! Lines out of bytes that come in pieces, with a limit on what is held.

/// A line as it was read.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Line<'a> {
    /// Without its end. `torn` is what was held when the place it came from was cut: the line may be
    /// the rest of that.
    Whole { bytes: &'a [u8], torn: Option<&'a [u8]> },
    /// Longer than the limit; its bytes are gone.
    Oversized,
}

/// What becomes of half a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Torn {
    /// Nothing was held, or what is held may find its rest.
    Kept,
    Lost,
}

/// Holds the beginning of a line until its end comes.
#[derive(Debug)]
pub(super) struct Lines {
    limit: usize,
    held: Vec<u8>,
    torn: Option<Vec<u8>>,
    /// The line that is being read is longer than the limit.
    skipping: bool,
}

impl Lines {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, held: Vec::new(), torn: None, skipping: false }
    }

    /// Takes more bytes and gives each line that ends in them.
    pub(super) fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(Line<'_>)) {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.end_of_line(line, &mut each);
        }
        if self.skipping || self.held.len().saturating_add(rest.len()) > self.limit {
            self.skipping = true;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(rest);
        }
    }

    /// The place they come from was cut or ended: what is held is the first half of a line at best, until
    /// the next line shows whether it is that. Tells whether a half is lost for good.
    pub(super) fn tear(&mut self) -> Torn {
        let was_skipping = std::mem::take(&mut self.skipping);
        let held = std::mem::take(&mut self.held);
        let earlier = if held.is_empty() { None } else { self.torn.replace(held) };
        if was_skipping || earlier.is_some() { Torn::Lost } else { Torn::Kept }
    }

    /// No more will come: what is held is all there is of the last line.
    pub(super) fn end(&mut self, mut each: impl FnMut(Line<'_>)) {
        if self.skipping || !self.held.is_empty() {
            self.end_of_line(&[], &mut each);
        }
    }

    /// Whether half a line from another place waits for its rest.
    pub(super) const fn is_torn(&self) -> bool {
        self.torn.is_some()
    }

    /// Bytes of an unfinished line: they are to be read again by whoever starts anew.
    pub(super) fn held(&self) -> u64 {
        self.held.len() as u64
    }

    fn end_of_line(&mut self, line: &[u8], each: &mut impl FnMut(Line<'_>)) {
        let torn = self.torn.take();
        if std::mem::take(&mut self.skipping) || self.held.len() + line.len() > self.limit {
            self.held = Vec::new();
            each(Line::Oversized);
            return;
        }
        if self.held.is_empty() {
            each(Line::Whole { bytes: line, torn: torn.as_deref() });
            return;
        }
        self.held.extend_from_slice(line);
        each(Line::Whole { bytes: &self.held, torn: torn.as_deref() });
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 8;

    fn read(lines: &mut Lines, chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut read = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line| {
                read.push(match line {
                    Line::Whole { bytes, .. } => Some(bytes.to_vec()),
                    Line::Oversized => None,
                });
            });
        }
        read
    }

    #[test]
    fn a_line_is_taken_at_its_limit_and_not_over_it() {
        let whole = |line: &[u8]| Some(line.to_vec());
        let mut lines = Lines::new(LIMIT);
        let text: &[u8] = b"1234567\n12345678\n123456789\n\nafter\n";
        let expected = [whole(b"1234567"), whole(b"12345678"), None, whole(b""), whole(b"after")];
        assert_eq!(read(&mut lines, &[text]), expected);
        let mut lines = Lines::new(LIMIT);
        assert_eq!(read(&mut lines, &[b"12345", b"6789", b"0", b"1\nx\n"]), [None, whole(b"x")]);
    }

    #[test]
    fn what_was_torn_is_given_with_the_next_line_alone() {
        let mut lines = Lines::new(LIMIT);
        lines.feed(b"one\ntw", |_| {});
        lines.tear();
        let mut seen = Vec::new();
        lines.feed(b"o\nnext\n", |line| {
            if let Line::Whole { bytes, torn } = line {
                seen.push((bytes.to_vec(), torn.map(<[u8]>::to_vec)));
            }
        });
        assert_eq!(seen, [(b"o".to_vec(), Some(b"tw".to_vec())), (b"next".to_vec(), None)]);
    }

    #[test]
    fn half_a_line_waits_for_its_rest_and_is_lost_to_another_half() {
        let mut lines = Lines::new(LIMIT);
        assert_eq!(lines.tear(), Torn::Kept, "nothing was held");
        lines.feed(b"on", |_| {});
        assert_eq!((lines.tear(), lines.is_torn()), (Torn::Kept, true));
        assert_eq!((lines.tear(), lines.is_torn()), (Torn::Kept, true), "nothing came since");
        lines.feed(b"tw", |_| {});
        assert_eq!((lines.tear(), lines.is_torn()), (Torn::Lost, true));
        lines.feed(b"o\n123456789", |_| {});
        assert_eq!((lines.is_torn(), lines.tear()), (false, Torn::Lost), "longer than the limit");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_nothing_over_the_limit_is_held(
            text in vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cuts in vec(0..200_usize, 0..20),
        ) {
            let mut lines = Lines::new(LIMIT);
            let whole = read(&mut lines, &[&text]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut lines = Lines::new(LIMIT);
            let mut pieces = Vec::new();
            for two in cuts.windows(2) {
                pieces.extend(read(&mut lines, &[&text[two[0]..two[1]]]));
                prop_assert!(lines.held.len() <= LIMIT);
            }
            prop_assert_eq!(whole, pieces);
        }
    }
}
