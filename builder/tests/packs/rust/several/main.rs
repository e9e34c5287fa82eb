mod util;

fn main() {
    let name = std::fs::read_to_string("data.txt").unwrap();
    util::greet(name.trim());
}
