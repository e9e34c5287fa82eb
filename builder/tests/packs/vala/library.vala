void main() {
    var counts = new HashTable<string, int>(str_hash, str_equal);
    foreach (string word in "banana apple cherry apple banana apple".split(" ")) counts[word] = counts[word] + 1;
    var words = counts.get_keys();
    words.sort(strcmp);
    print("maps");
    foreach (string word in words) print(" %s=%d", word, counts[word]);
    var numbers = new List<int>();
    foreach (int number in new int[] {3, -5, 9, 0, 8, -1}) numbers.append(number);
    numbers.sort((a, b) => a - b);
    print("\nsort");
    foreach (int number in numbers) print(" %d", number);
    print("\nregex");
    try {
        MatchInfo match;
        var date = new Regex("\\b\\d{4}-\\d{2}-\\d{2}\\b");
        for (date.match("from 2024-02-29 to 1999-12-31, not 99-1-1", 0, out match); match.matches(); match.next())
            print(" %s", match.fetch(0));
    } catch (RegexError error) {
        print("%s", error.message);
    }
    print("\nsqrt %.6f\n", Math.sqrt(2));
    print("time %s\n", new DateTime.from_unix_utc(1000000000).format("%Y-%m-%dT%H:%M:%SZ"));
    Thread<int64?>[] threads = {};
    for (int i = 0; i < 4; i++) {
        int64 first = i * 250000;
        threads += new Thread<int64?>("quarter", () => {
            int64 sum = 0;
            for (int64 n = first + 1; n <= first + 250000; n++) sum += n;
            return sum;
        });
    }
    int64 total = 0;
    foreach (var thread in threads) total += thread.join();
    print("threads %s\n", total.to_string());
}
