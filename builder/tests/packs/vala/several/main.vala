void main() {
    Lib.greet(FileStream.open("data.txt", "r").read_line());
}
