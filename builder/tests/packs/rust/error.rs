#[inline(never)]
fn inner(numbers: &[i32], index: usize) -> i32 {
    numbers[index]
}

#[inline(never)]
fn outer(index: usize) -> i32 {
    inner(&[1, 2, 3], index) + 1
}

fn main() {
    println!("before");
    println!("{}", outer(std::env::args().count() + 2));
}
