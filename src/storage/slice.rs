//! Bytes of a file, owned: a map where the file system gives one, else a copy.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

/// Bytes of a file that stay readable for as long as the slice lives. Cheap to clone.
#[derive(Clone)]
pub struct Slice {
    bytes: Bytes,
    range: Range<usize>,
}

#[derive(Clone)]
enum Bytes {
    Map(Arc<Mmap>),
    Copy(Arc<Vec<u8>>),
}

impl Slice {
    pub(super) fn mapped(map: Mmap) -> Self {
        Self { range: 0..map.len(), bytes: Bytes::Map(Arc::new(map)) }
    }

    /// A slice of bytes in memory.
    #[must_use]
    pub fn copied(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), bytes: Bytes::Copy(Arc::new(bytes)) }
    }

    /// A part of this slice, `range` within it.
    ///
    /// # Panics
    /// If `range` ends past the slice, as indexing does.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let part = self.range.start + range.start..self.range.start + range.end;
        assert!(
            range.start <= range.end && part.end <= self.range.end,
            "part of a slice lies within it"
        );
        Self { bytes: self.bytes.clone(), range: part }
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.bytes {
            Bytes::Map(map) => map,
            Bytes::Copy(bytes) => bytes,
        };
        &all[self.range.clone()]
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.bytes {
            Bytes::Map(_) => "map",
            Bytes::Copy(_) => "copy",
        };
        write!(f, "Slice({how} of {} bytes)", self.range.len())
    }
}
