use std::hint::black_box;

fn sum(n: u64) -> u64 {
    if n == 0 { 0 } else { n + black_box(sum(black_box(n - 1))) }
}

fn main() {
    println!("{}", sum(100_000));
}
