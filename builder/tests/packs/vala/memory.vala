void main() {
    while (true) {
        void* block = malloc(1 << 20);
        Memory.set(block, 1, 1 << 20);
    }
}
