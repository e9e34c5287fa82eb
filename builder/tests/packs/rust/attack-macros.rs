macro_rules! bomb {
    ($($token:tt)*) => { bomb!($($token)* $($token)* 1) };
}

fn main() {
    bomb!(1);
}
