int64 sum(int64 n) {
    return n == 0 ? 0 : n + sum(n - 1);
}

void main() {
    print("%s\n", sum(100000).to_string());
}
