//! Files for what does not fit into memory: without a name, gone with the process that made them.

use std::fs::File;
use std::io;
use std::path::Path;

/// A new file in a directory outside of any tree of runnel's, to write and to read. Nobody else can open it.
///
/// # Errors
/// As the system says.
pub fn scratch_file(directory: &Path) -> io::Result<File> {
    tempfile::tempfile_in(directory)
}
