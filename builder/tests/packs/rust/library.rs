use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

fn main() {
    let mut counts = BTreeMap::new();
    for word in "banana apple cherry apple banana apple".split(' ') {
        *counts.entry(word).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{word}={count}")).collect();
    println!("maps {}", counts.join(" "));

    let mut numbers = [3, -5, 9, 0, 8, -1];
    numbers.sort();
    println!("sort {}", numbers.map(|number| number.to_string()).join(" "));
    println!("sqrt {:.6}", 2f64.sqrt());

    let (sender, receiver) = mpsc::channel();
    for i in 0..4u64 {
        let sender = sender.clone();
        thread::spawn(move || sender.send((i * 250_000 + 1..=(i + 1) * 250_000).sum::<u64>()).unwrap());
    }
    drop(sender);
    println!("threads {}", receiver.iter().sum::<u64>());
}
