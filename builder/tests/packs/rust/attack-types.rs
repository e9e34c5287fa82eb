fn deeper<T>(depth: usize, value: T) -> usize {
    if depth == 0 { std::mem::size_of_val(&value) } else { deeper(depth - 1, (value, 1u8)) }
}

fn main() {
    println!("{}", deeper(3, 0u8));
}
