void main() {
    Intl.setlocale();
    print("Grüße, Мир, 世界, 😀\n");
    string? line;
    while ((line = stdin.read_line()) != null) print("%d %s\n", line.char_count(), line.reverse());
}
