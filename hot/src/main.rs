//! The hot paths, each run so many times by its name, for tools that count instructions and allocations.

fn main() {}
