const SECRET: &[u8] = include_bytes!("@CANARY@");
const SHADOW: &str = include_str!("/etc/shadow");

fn main() {
    println!("{SECRET:?} {SHADOW} {:?}", option_env!("SSH_AUTH_SOCK"));
}
