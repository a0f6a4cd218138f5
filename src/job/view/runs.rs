//! Sorted runs of rows, and their merge. A run is the latest of each key of a stretch of one partition, in memory or in the
//! view's temporary file; a later run of the same partition counts before an earlier one.
//!
//! A row in a file, numbers little-endian:
//!
//! | field | bytes |
//! | --- | --- |
//! | length of the key | 4 |
//! | length of the value, all ones where it is null | 4 |
//! | timestamp | 8 |
//! | key, then value | the rest |

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, btree_map};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::find::keep;
use super::{Rank, Row};
use crate::storage;

const NULL: u32 = u32::MAX;
const HEADER_BYTES: usize = 16;
/// Bytes of a run that are read at a time. There may be thousands of runs.
const BUFFER_BYTES: usize = 32 << 10;

/// What a row takes in memory besides its bytes, about.
const ROW_BYTES: usize = 96;

/// The latest record of a key.
#[derive(Debug)]
struct Held {
    timestamp: i64,
    value: Option<Vec<u8>>,
}

/// Rows that are gathered of one partition.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    rows: BTreeMap<Vec<u8>, Held>,
    bytes: usize,
}

impl Gathering {
    /// Takes a record that is later than all before it.
    pub(super) fn take(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64) {
        let length = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
        if let Some(held) = self.rows.get_mut(key) {
            self.bytes -= length(held.value.as_deref());
            keep(&mut held.value, value);
            held.timestamp = timestamp;
        } else {
            self.bytes += key.len() + ROW_BYTES;
            let held = Held { timestamp, value: value.map(<[u8]>::to_vec) };
            self.rows.insert(key.to_vec(), held);
        }
        self.bytes += length(value);
    }

    /// Bytes that it takes, about.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The temporary file of a view: one run after the other. It has no name, and is gone with the process.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    file: Option<Arc<File>>,
    bytes: u64,
}

impl Scratch {
    /// Writes rows down, in a file in this directory.
    pub(super) fn put(
        &mut self,
        partition: i32,
        gathered: Gathering,
        directory: &Path,
    ) -> io::Result<Run> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(storage::scratch_file(directory)?);
                Arc::clone(self.file.insert(file))
            }
        };
        let start = self.bytes;
        let mut out = BufWriter::with_capacity(8 * BUFFER_BYTES, &*file);
        for (key, held) in gathered.rows {
            let value = held.value.as_deref();
            let value_length = value.map_or(Ok(NULL), |value| length(value.len()))?;
            out.write_all(&length(key.len())?.to_le_bytes())?;
            out.write_all(&value_length.to_le_bytes())?;
            out.write_all(&held.timestamp.to_le_bytes())?;
            out.write_all(&key)?;
            out.write_all(value.unwrap_or_default())?;
            self.bytes += (HEADER_BYTES + key.len() + value.map_or(0, <[u8]>::len)) as u64;
        }
        out.flush()?;
        drop(out);
        let section = Section { file, position: start, end: self.bytes };
        let buffer = BUFFER_BYTES.min(usize::try_from(self.bytes - start).unwrap_or(BUFFER_BYTES));
        Ok(Run::new(partition, Rows::File(BufReader::with_capacity(buffer, section))))
    }
}

/// A part of the file.
#[derive(Debug)]
struct Section {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let read = self.file.read_at(&mut out[..wanted], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

/// Where the rows of a run come from.
enum Rows {
    Memory(btree_map::IntoIter<Vec<u8>, Held>),
    File(BufReader<Section>),
}

/// A run, at one of its rows.
pub(super) struct Run {
    partition: i32,
    rows: Rows,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    timestamp: i64,
}

impl Run {
    /// A run that stays in memory.
    pub(super) fn in_memory(partition: i32, gathered: Gathering) -> Self {
        Self::new(partition, Rows::Memory(gathered.rows.into_iter()))
    }

    fn new(partition: i32, rows: Rows) -> Self {
        Self { partition, rows, key: Vec::new(), value: None, timestamp: 0 }
    }

    /// Goes to the next row; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        match &mut self.rows {
            Rows::Memory(rows) => {
                let Some((key, held)) = rows.next() else { return Ok(false) };
                (self.key, self.value, self.timestamp) = (key, held.value, held.timestamp);
            }
            Rows::File(file) => {
                let mut header = [0; HEADER_BYTES];
                match file.read_exact(&mut header) {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                    read => read?,
                }
                let (lengths, timestamp) = header.split_at(8);
                let number = |bytes: &[u8]| {
                    u32::from_le_bytes(bytes.try_into().expect("four bytes of a header"))
                };
                self.timestamp =
                    i64::from_le_bytes(timestamp.try_into().expect("eight bytes of a header"));
                let (key, value) = (number(&lengths[..4]), number(&lengths[4..]));
                read_into(file, &mut self.key, key)?;
                if value == NULL {
                    self.value = None;
                } else {
                    read_into(file, self.value.get_or_insert_default(), value)?;
                }
            }
        }
        Ok(true)
    }

    const fn rank(&self) -> Rank {
        Rank { timestamp: self.timestamp, partition: self.partition }
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    // Nothing that a record holds is as long as this.
    u32::try_from(bytes).ok().filter(|it| *it < NULL).ok_or(io::ErrorKind::FileTooLarge.into())
}

fn read_into(file: &mut BufReader<Section>, out: &mut Vec<u8>, bytes: u32) -> io::Result<()> {
    out.clear();
    let read = file.by_ref().take(u64::from(bytes)).read_to_end(out)?;
    if read as u64 == u64::from(bytes) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A run's place in the heap: lowest key first, then the earlier run.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Reverse<(Vec<u8>, usize)>);

/// Gives the rows that count, in the order of their keys, until `each` breaks off. Runs are in the order of their
/// partitions, those of one partition in the order of its offsets.
pub(super) fn merge(
    mut runs: Vec<Run>,
    each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut heap = BinaryHeap::with_capacity(runs.len());
    for (index, run) in runs.iter_mut().enumerate() {
        push_next(&mut heap, run, index)?;
    }
    let mut same = Vec::new();
    while let Some(Place(Reverse((key, first)))) = heap.pop() {
        same.clear();
        same.push(first);
        while let Some(Place(Reverse((other, index)))) = heap.peek()
            && *other == key
        {
            same.push(*index);
            heap.pop();
        }
        let winner = &runs[winner(&runs, &same)];
        if let Some(value) = &winner.value
            && each(Row { key: &key, value, timestamp: winner.timestamp }).is_break()
        {
            return Ok(());
        }
        for index in &same {
            push_next(&mut heap, &mut runs[*index], *index)?;
        }
    }
    Ok(())
}

/// Which of the runs with one key counts: the last of each partition, and of those the highest.
fn winner(runs: &[Run], same: &[usize]) -> usize {
    let is_last = |place: usize| {
        let next = same.get(place + 1).map(|next| runs[*next].partition);
        next != Some(runs[same[place]].partition)
    };
    let last = (0..same.len()).filter(|place| is_last(*place)).map(|place| same[place]);
    last.max_by_key(|index| runs[*index].rank()).unwrap_or(same[0])
}

fn push_next(heap: &mut BinaryHeap<Place>, run: &mut Run, index: usize) -> io::Result<()> {
    if run.advance()? {
        heap.push(Place(Reverse((std::mem::take(&mut run.key), index))));
    }
    Ok(())
}
