//! What goes wrong, and when: the plan of faults, the ways to lose, and the dice for both.
//!
//! Everything random comes from [`Dice`], thrown from a seed: the same seed and the same calls
//! give the same world, byte for byte.

use std::collections::BTreeMap;
use std::io;

/// What happens to an operation that the plan names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies in it: of a write, a prefix is done; anything else is done or not.
    Kill,
    /// The machine stops in it, and every process with it.
    MachineCrash(Loss),
    /// It fails once, and the process lives on. Of a write, a prefix is done, and of anything
    /// else nothing.
    ///
    /// `sync_data` answers `EIO` whatever the kind, and does what the kernel does: the file's
    /// unsynced writes are forgotten. They can still be read, but a later `sync_data` that
    /// returns `Ok` does not store them; only writing them again does. Changes of the length by
    /// `set_len` stay known.
    Error(io::ErrorKind),
}

/// What a crash of the machine takes of the writes and names that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of them.
    Everything,
    /// None of them.
    Nothing,
    /// By these dice: of each file any writes, in whole or in sectors of 512 bytes, and perhaps
    /// a length without its bytes; of each directory the newest changes of names.
    Random(u64),
}

/// The operations so far, and which of those to come are to fail.
#[derive(Debug, Default)]
pub(super) struct Plan {
    seed: u64,
    pub(super) counts_reads: bool,
    faults: BTreeMap<u64, Fault>,
    trace: Vec<String>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn operations(&self) -> u64 {
        self.trace.len() as u64
    }

    pub(super) fn trace(&self) -> &[String] {
        &self.trace
    }

    pub(super) fn set(&mut self, number: u64, fault: Fault) {
        self.faults.insert(number, fault);
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// Counts an operation: the fault that strikes it, and the dice for what is left of it.
    pub(super) fn next(&mut self, what: String) -> Option<(Fault, Dice)> {
        let number = self.operations();
        let fault = self.faults.remove(&number);
        let struck = fault.map(|fault| format!(" <- {fault:?}")).unwrap_or_default();
        self.trace.push(format!("{number} {what}{struck}"));
        Some((fault?, Dice::new(self.seed).fork(number)))
    }
}

/// Random numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one of many, however often the others are thrown.
    pub(super) fn fork(&self, number: u64) -> Self {
        let mut mixed = Self(self.0 ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Self(mixed.throw())
    }

    pub(super) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit`, exclusive; 0 where `limit` is.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.throw() % (limit as u64).max(1)) as usize
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_splitmix64() {
        // The first numbers of the reference implementation for this seed.
        let mut dice = Dice::new(1_234_567);
        assert_eq!(dice.throw(), 6_457_827_717_110_365_317);
        assert_eq!(dice.throw(), 3_203_168_211_198_807_973);
    }
}
