//! A seeded sequence, so that a run can be made again: xorshift64*, which is enough for choosing.

/// The sequence.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        // Seeds that are near each other must not begin alike; zero would never change.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        // The upper half is the better one.
        (number >> 32).checked_rem(limit).unwrap_or(0)
    }

    /// One of these; none if there are none.
    pub fn choose<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let place = usize::try_from(self.below(among.len() as u64)).unwrap_or(0);
        among.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_sequence_and_every_number_comes() {
        let throw = |seed: u64| {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| dice.below(14)).collect::<Vec<_>>()
        };
        assert_eq!(throw(5), throw(5));
        assert_ne!(throw(5), throw(6));
        assert!((0..14).all(|number| throw(0).contains(&number)));
        assert_eq!(Dice::new(1).below(0), 0);
    }
}
