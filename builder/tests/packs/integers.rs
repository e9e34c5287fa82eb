//! A large input, generated from its length.

/// A line with `count`, then as many lines with an integer between -10^9 and 10^9, from a linear congruential generator
/// with Knuth's constants. `cases.toml` holds their sum.
pub fn integers(count: usize) -> String {
    let mut state: u64 = 12345;
    let mut text = format!("{count}\n");
    for _ in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = ((state >> 33) % 2_000_000_001).cast_signed() - 1_000_000_000;
        text += &number.to_string();
        text.push('\n');
    }
    text
}
