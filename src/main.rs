//! Effigy
fn main() {}
