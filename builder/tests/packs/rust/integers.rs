use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut numbers: Vec<i64> = text.split_ascii_whitespace().skip(1).map(|word| word.parse().unwrap()).collect();
    let sum: i64 = numbers.iter().sum();
    let xor = numbers.iter().fold(0, |xor, number| xor ^ number);
    numbers.sort_unstable();
    println!("sum {sum}\nxor {xor}\nmedian {}", numbers[numbers.len() / 2]);
}
