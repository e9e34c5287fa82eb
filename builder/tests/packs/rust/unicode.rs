use std::io;

fn main() {
    println!("Grüße, Мир, 世界, 😀");
    for line in io::stdin().lines() {
        let line = line.unwrap();
        println!("{} {}", line.chars().count(), line.chars().rev().collect::<String>());
    }
}
