//! The `runnel` binary: arguments in, exit status out.

fn main() {}
