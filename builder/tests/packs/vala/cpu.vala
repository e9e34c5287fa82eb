void main() {
    print("spinning\n");
    stdout.flush();
    while (true) {}
}
