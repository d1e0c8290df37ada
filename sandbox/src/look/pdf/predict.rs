//! Undoes the differences between rows that streams may be stored as.

/// What the parameters of a filter say about rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predictor {
    kind: u64,
    colours: u64,
    bits: u64,
    columns: u64,
}

impl Default for Predictor {
    fn default() -> Self {
        Self { kind: 1, colours: 1, bits: 8, columns: 1 }
    }
}

impl Predictor {
    /// Takes a parameter by its name.
    pub(super) fn set(&mut self, name: &[u8], value: u64) {
        match name {
            b"Predictor" => self.kind = value,
            b"Colors" => self.colours = value,
            b"BitsPerComponent" => self.bits = value,
            b"Columns" => self.columns = value,
            _ => {}
        }
    }

    /// The data as it was. What does not fit is left as it is: it is read for words only.
    pub(super) fn undo(self, data: Vec<u8>) -> Vec<u8> {
        let bits = self.colours.saturating_mul(self.bits);
        let row = usize::try_from(bits.saturating_mul(self.columns).div_ceil(8)).unwrap_or(0);
        let step = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
        match self.kind {
            _ if row == 0 || row > data.len() => data,
            2 if self.bits == 8 => {
                let mut data = data;
                data.chunks_mut(row).for_each(|row| add_left(row, step));
                data
            }
            10.. => rows(&data, row, step),
            _ => data,
        }
    }
}

fn add_left(row: &mut [u8], step: usize) {
    for at in step..row.len() {
        let left = at.checked_sub(step).and_then(|at| row.get(at)).copied().unwrap_or(0);
        if let Some(byte) = row.get_mut(at) {
            *byte = byte.wrapping_add(left);
        }
    }
}

/// Rows as a PNG has them, each behind a byte that says how it was stored.
fn rows(data: &[u8], len: usize, step: usize) -> Vec<u8> {
    let mut undone: Vec<u8> = Vec::with_capacity(data.len());
    for row in data.chunks(len + 1) {
        let Some((kind, row)) = row.split_first() else { break };
        let begin = undone.len();
        for (column, byte) in row.iter().enumerate() {
            let at = |back: usize| {
                begin.checked_add(column)?.checked_sub(back).and_then(|at| undone.get(at)).copied()
            };
            let left = if column < step { 0 } else { at(step).unwrap_or(0) };
            let up = at(len).unwrap_or(0);
            let corner = if column < step { 0 } else { at(len.saturating_add(step)).unwrap_or(0) };
            let guess = match kind {
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => nearest(left, up, corner),
                _ => 0,
            };
            undone.push(byte.wrapping_add(guess));
        }
    }
    undone
}

/// The one of three that is nearest to left + up − corner.
fn nearest(left: u8, up: u8, corner: u8) -> u8 {
    let target = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |value: u8| (target - i16::from(value)).abs();
    if far(left) <= far(up) && far(left) <= far(corner) {
        left
    } else if far(up) <= far(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let stored = b"\x00abc\x01a\x01\x01\x02\x01\x01\x01\x03\x01\x01\x01\x04\x01\x01\x01";
        let mut predictor = Predictor::default();
        predictor.set(b"Predictor", 15);
        predictor.set(b"Columns", 3);
        let rows = predictor.undo(stored.to_vec());
        assert_eq!(&rows[..9], b"abcabcbcd");
        // Averages and nearest ones of the row above.
        assert_eq!(&rows[9..12], [50, 75, 88]);
        assert_eq!(rows.len(), 15);
        predictor.set(b"Predictor", 2);
        assert_eq!(predictor.undo(b"a\x01\x01".to_vec()), b"abc");
        predictor.set(b"Predictor", 1);
        assert_eq!(predictor.undo(b"abc".to_vec()), b"abc");
    }
}
