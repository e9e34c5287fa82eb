//! capsule
fn main() {}
