//! How many partitions a member of a group should have: plain numbers, no I/O.
//!
//! Of each topic a member's part is its partitions over its members; the sum of the parts, rounded up,
//! is what a member has at most, and rounded down what it has at least, as long as there are
//! others to take from. Who is short *calls*; who has more than its share gives up when it is called.
//!
//! A partition that nobody has is taken at once by who is short, and by anybody once it was
//! free for some time: members need not read the same topics, and one may not get around to it.

/// What a member who is short asks of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// He has less than every member should: who has more than that gives one.
    ForOne = 0,
    /// He has room: who has more than a member should, gives what is too much.
    ForSurplus = 1,
}

/// What a member should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// At least.
    pub(super) least: usize,
    /// At most.
    pub(super) most: usize,
}

impl Share {
    /// The share of a member, by the partitions and the members (itself among them) of each of
    /// its topics.
    pub(super) fn of(topics: impl IntoIterator<Item = (usize, usize)>) -> Self {
        const BITS: u32 = 32;
        let part = |(partitions, members): (usize, usize)| {
            ((partitions as u128) << BITS) / members.max(1) as u128
        };
        let sum: u128 = topics.into_iter().map(part).sum();
        // A part that was rounded down leaves the sum a little below what may be a whole number.
        let slack = (1 << (BITS / 2)) as u128;
        let rounded = |sum: u128| usize::try_from(sum >> BITS).unwrap_or(usize::MAX);
        let most = rounded(sum.saturating_add((1 << BITS) - 1).saturating_sub(slack));
        Self { least: rounded(sum.saturating_add(slack)), most }
    }

    /// What a member with `held` partitions calls for, if anything.
    pub(super) const fn call(self, held: usize) -> Option<Call> {
        if held < self.least {
            Some(Call::ForOne)
        } else if held < self.most {
            Some(Call::ForSurplus)
        } else {
            None
        }
    }

    /// How many of `held` partitions a member gives up that hears these calls.
    pub(super) fn surplus(self, held: usize, for_one: bool, for_surplus: bool) -> usize {
        match held.saturating_sub(self.most) {
            0 if for_one && held > self.least => 1,
            surplus if for_one || for_surplus => surplus,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (topics, least, most) in [
            (&[(8, 1)][..], 8, 8),
            (&[(8, 2)], 4, 4),
            (&[(8, 3)], 2, 3),
            (&[(4, 3)], 1, 2),
            (&[(1, 4)], 0, 1),
            (&[(1, 3), (1, 3), (1, 3)], 1, 1),
            (&[(1, 7); 700], 100, 100),
            (&[(4, 2), (4, 1)], 6, 6),
            (&[], 0, 0),
            (&[(100_000, 3)], 33_333, 33_334),
        ] {
            assert_eq!(Share::of(topics.iter().copied()), Share { least, most }, "{topics:?}");
        }
    }

    /// Members that come and go settle at fair shares, whoever moves first, and then rest.
    #[test]
    fn any_order_of_moves_settles() {
        for partitions in 1..14_usize {
            for members in 1..8_usize {
                for start in 0..members {
                    let mut held = vec![0_usize; members];
                    held[start] = partitions;
                    let moves = settle(&mut held, partitions);
                    let (least, most) = (partitions / members, partitions.div_ceil(members));
                    assert!(
                        held.iter().all(|held| (least..=most).contains(held)),
                        "{partitions} partitions: {held:?} after {moves}"
                    );
                }
            }
        }
    }

    /// Lets each member look in turn until none moves; gives how many looks that took.
    fn settle(held: &mut [usize], partitions: usize) -> usize {
        let share = Share::of([(partitions, held.len())]);
        let (mut quiet, mut looks) = (0, 0);
        while quiet < held.len() {
            assert!(looks < 1000, "no rest: {held:?}");
            let at = looks % held.len();
            let free = partitions - held.iter().sum::<usize>();
            let taken = free.min(share.most.saturating_sub(held[at]));
            held[at] += taken;
            let calls = |wanted| {
                held.iter()
                    .enumerate()
                    .any(|(other, held)| other != at && share.call(*held) == Some(wanted))
            };
            // Who takes gives nothing in the same look.
            let (for_one, for_surplus) = (calls(Call::ForOne), calls(Call::ForSurplus));
            let given = if taken > 0 { 0 } else { share.surplus(held[at], for_one, for_surplus) };
            held[at] -= given;
            quiet = if taken + given > 0 { 0 } else { quiet + 1 };
            looks += 1;
        }
        looks
    }
}
