void main() {
    int count = int.parse(stdin.read_line());
    int[] numbers = new int[count];
    int64 sum = 0;
    int xor = 0;
    for (int i = 0; i < count; i++) {
        numbers[i] = int.parse(stdin.read_line());
        sum += numbers[i];
        xor ^= numbers[i];
    }
    Posix.qsort(numbers, count, sizeof(int), (a, b) => *(int*) a < *(int*) b ? -1 : 1);
    print(@"sum $sum\nxor $xor\nmedian $(numbers[count / 2])\n");
}
