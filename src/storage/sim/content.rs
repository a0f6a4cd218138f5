//! The bytes of one file: as processes see them, as the disk has them, and what lies between.
//!
//! A crash works on sectors. The page cache stores a sector as it stood at some moment, so what
//! the disk has of a sector afterwards is one of its versions since the last sync, never a mix;
//! but each sector has its own, so that the sectors of a write part and writes change places.

use std::io;

use rustix::io::Errno;

use super::faults::{Dice, Loss};

/// Bytes that a disk stores in one step.
const SECTOR: usize = 512;
/// A file's largest length in bytes, inclusive: the laboratory keeps them in memory.
const LEN_MAX: u64 = 1 << 30;

/// A file's bytes. `durable` with all of `pending` is `live`, but for what a failed sync forgot.
#[derive(Debug, Default)]
pub(super) struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    pub(super) modified_ms: i64,
}

#[derive(Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { position, bytes } => {
                let end = position + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*position..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => to.resize(*len, 0),
        }
    }
}

impl Content {
    /// A file that was always there.
    pub(super) fn stored(bytes: &[u8], modified_ms: i64) -> Self {
        Self { live: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new(), modified_ms }
    }

    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    /// How many bytes from `position` on were read.
    pub(super) fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.live.len());
        let count = buffer.len().min(self.live.len() - start);
        buffer[..count].copy_from_slice(&self.live[start..start + count]);
        count
    }

    pub(super) fn write(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        checked_len(position.saturating_add(bytes.len() as u64))?;
        let position = checked_len(position)?;
        self.change(Change::Write { position, bytes: bytes.to_vec() });
        Ok(())
    }

    pub(super) fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.change(Change::SetLen(checked_len(len)?));
        Ok(())
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A failed sync: the written pages count as clean, though they were not stored. A length
    /// that was set is kept in the file system's journal.
    pub(super) fn forget_writes(&mut self) {
        self.pending.retain(|change| matches!(change, Change::SetLen(_)));
    }

    /// What is there after a crash.
    pub(super) fn crash(&mut self, loss: Loss, dice: &mut Dice) {
        match loss {
            Loss::Everything => self.pending.clear(),
            Loss::Nothing => self.sync(),
            Loss::Random(_) if self.pending.is_empty() => {}
            Loss::Random(_) => {
                self.durable = survivors(&self.durable, &self.pending, dice);
                self.pending.clear();
            }
        }
        self.live.clone_from(&self.durable);
    }

    /// Damages a byte wherever it is kept.
    pub(super) fn corrupt(&mut self, position: u64, xor: u8) -> io::Result<()> {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        *self.live.get_mut(position).ok_or(Errno::INVAL)? ^= xor;
        if let Some(byte) = self.durable.get_mut(position) {
            *byte ^= xor;
        }
        for change in &mut self.pending {
            if let Change::Write { position: start, bytes } = change
                && let Some(byte) = position.checked_sub(*start).and_then(|at| bytes.get_mut(at))
            {
                *byte ^= xor;
            }
        }
        Ok(())
    }
}

fn checked_len(len: u64) -> io::Result<usize> {
    if len > LEN_MAX {
        return Err(Errno::FBIG.into());
    }
    Ok(len as usize)
}

/// How much of one change reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Some,
    Nothing,
}

/// How the changes of one file fare. Without a common rule for the file, a long history would
/// always end in a mixture, and hardly ever whole or cleanly cut.
#[derive(Debug, Clone, Copy)]
enum Fate {
    All(Part),
    /// In order, up to this one.
    Prefix(usize),
    Each,
}

impl Fate {
    fn choose(changes: usize, dice: &mut Dice) -> Self {
        match dice.below(6) {
            0 => Self::All(Part::Whole),
            1 => Self::All(Part::Nothing),
            2 | 3 => Self::Prefix(dice.below(changes)),
            _ => Self::Each,
        }
    }

    fn part(self, number: usize, dice: &mut Dice) -> Part {
        match self {
            Self::All(part) => part,
            Self::Prefix(cut) if number < cut => Part::Whole,
            Self::Prefix(cut) if number == cut => Part::Some,
            Self::Prefix(_) => Part::Nothing,
            Self::Each => [Part::Whole, Part::Some, Part::Nothing][dice.below(3)],
        }
    }
}

/// The disk's bytes after a crash: `durable`, and of `pending` what the dice let through.
fn survivors(durable: &[u8], pending: &[Change], dice: &mut Dice) -> Vec<u8> {
    let fate = Fate::choose(pending.len(), dice);
    let (mut cached, mut disk) = (durable.to_vec(), durable.to_vec());
    for (number, change) in pending.iter().enumerate() {
        change.apply(&mut cached);
        let part = fate.part(number, dice);
        match change {
            Change::SetLen(len) => {
                if part == Part::Whole || part == Part::Some && dice.coin() {
                    disk.resize(*len, 0);
                }
            }
            Change::Write { position, bytes } => {
                let end = position + bytes.len();
                for sector in position / SECTOR..end.div_ceil(SECTOR) {
                    if part == Part::Whole || part == Part::Some && dice.coin() {
                        store_sector(&cached, &mut disk, sector);
                    }
                }
                // The length may get there without the bytes.
                if part != Part::Whole && disk.len() < end && dice.below(4) == 0 {
                    disk.resize(end, 0);
                }
            }
        }
    }
    disk
}

fn store_sector(cached: &[u8], disk: &mut Vec<u8>, sector: usize) {
    let start = sector * SECTOR;
    let end = cached.len().min(start + SECTOR);
    if disk.len() < end {
        disk.resize(end, 0);
    }
    disk[start..end].copy_from_slice(&cached[start..end]);
    // Where the disk's file is longer: the rest of a page past the file's end is zeros.
    let rest = disk.len().min(start + SECTOR);
    disk[end..rest].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u64 = 300;

    fn crashed(content: impl Fn() -> Content) -> Vec<Vec<u8>> {
        let crash = |seed| {
            let mut content = content();
            content.crash(Loss::Random(seed), &mut Dice::new(seed));
            content.live
        };
        (0..SEEDS).map(crash).collect()
    }

    #[test]
    fn writes_are_kept_lost_torn_and_reordered() {
        let after = crashed(|| {
            let mut content = Content::default();
            content.write(0, &[1; SECTOR]).expect("writes");
            content.write(SECTOR as u64, &[2; 2 * SECTOR]).expect("writes");
            content
        });
        let whole = [vec![1; SECTOR], vec![2; 2 * SECTOR]].concat();
        assert!(after.contains(&whole), "all of it kept");
        assert!(after.contains(&Vec::new()), "all of it lost");
        assert!(after.contains(&vec![1; SECTOR]), "a clean cut");
        assert!(after.contains(&whole[..2 * SECTOR].to_vec()), "a torn write");
        let reordered = [vec![0; SECTOR], vec![2; 2 * SECTOR]].concat();
        assert!(after.contains(&reordered), "the second without the first");
        assert!(after.contains(&vec![0; 3 * SECTOR]), "a length without its bytes");
        for bytes in &after {
            for sector in bytes.chunks(SECTOR) {
                assert!(sector.iter().all(|byte| *byte == sector[0]), "no sector is torn");
            }
        }
    }

    #[test]
    fn a_sector_is_stored_as_it_stood_at_some_moment() {
        let versions: [&[u8]; 4] = [b"", b"a", b"ab", b"abc"];
        let after = crashed(|| {
            let mut content = Content::default();
            for (position, byte) in (0..).zip(b"abc") {
                content.write(position, &[*byte]).expect("writes");
            }
            content
        });
        for bytes in &after {
            let zeros = bytes.iter().all(|byte| *byte == 0);
            let text = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            assert!(zeros || versions.contains(&&bytes[..text]), "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_may_not_have_happened_but_its_sector_knows() {
        let after = crashed(|| {
            let mut content = Content::stored(&[7; 600], 0);
            content.set_len(550).expect("cuts");
            content.write(550, &[8; 10]).expect("writes");
            content
        });
        let cut = [vec![7; 550], vec![8; 10]].concat();
        let uncut = [cut.clone(), vec![0; 40]].concat();
        for expected in [vec![7; 600], vec![7; 550], cut, uncut] {
            assert!(after.contains(&expected));
        }
    }

    #[test]
    fn refuses_what_memory_would_not_hold() {
        let mut content = Content::default();
        assert!(content.set_len(u64::MAX).is_err());
        assert!(content.write(u64::MAX, b"x").is_err());
        assert_eq!(content.read(&mut [0; 4], u64::MAX), 0);
    }
}
