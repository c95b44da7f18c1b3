//! Chance that repeats itself: the same seed gives the same numbers, on every machine.

/// `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>. Good enough for stories, and a few lines.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Begins for a part of the story, so that what is drawn in one does not shift another.
    pub(super) fn branch(seed: u64, part: u64) -> Self {
        let mut mixed = Self(seed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        mixed.next();
        Self(mixed.next())
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A number of the range, its end excluded, as a length of time or a count.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        from.saturating_add(i64::try_from(self.below(width)).unwrap_or(0))
    }

    /// One of the words; nothing of none.
    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.one_of(words).copied().unwrap_or_default()
    }

    /// One of the things; `None` of none.
    pub(super) fn one_of<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let at = self.below(things.len() as u64);
        usize::try_from(at).ok().and_then(|at| things.get(at))
    }

    /// An identifier in the shape of a random UUID.
    pub(super) fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFF,
            low >> 52,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    /// Letters and digits, as Azure appends them to names.
    pub(super) fn suffix(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
        (0..length).filter_map(|_| self.one_of(LETTERS).map(|letter| char::from(*letter))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let drawn = |seed| {
            let mut random = Random::branch(seed, 1);
            (random.next(), random.guid(), random.suffix(13))
        };

        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn an_identifier_has_the_shape_of_a_uuid() {
        let guid = Random::branch(1, 1).guid();

        assert_eq!(guid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(guid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()));
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        let mut random = Random::branch(1, 1);

        assert_eq!((random.below(0), random.between(5, 5), random.word(&[])), (0, 5, ""));
    }
}
