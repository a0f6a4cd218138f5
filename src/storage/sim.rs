//! The crash laboratory.
