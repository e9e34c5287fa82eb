import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

public class Main {
    public static void main(String[] args) throws Exception {
        Map<String, Integer> counts = new TreeMap<>();
        for (String word : "banana apple cherry apple banana apple".split(" ")) counts.merge(word, 1, Integer::sum);
        System.out.println("maps " + counts.entrySet().stream().map(Object::toString).collect(Collectors.joining(" ")));
        System.out.println("sort " + IntStream.of(3, -5, 9, 0, 8, -1).sorted()
                .mapToObj(Integer::toString).collect(Collectors.joining(" ")));
        System.out.println("bigint " + IntStream.rangeClosed(1, 50)
                .mapToObj(BigInteger::valueOf).reduce(BigInteger.ONE, BigInteger::multiply));
        System.out.println("regex " + Pattern.compile("\\d{4}-\\d{2}-\\d{2}")
                .matcher("from 2024-02-29 to 1999-12-31, not 99-1-1").results()
                .map(MatchResult::group).collect(Collectors.joining(" ")));
        System.out.println("decimal " + new BigDecimal("0.1").add(new BigDecimal("0.2")));
        System.out.println("sqrt " + String.format(Locale.ROOT, "%.6f", Math.sqrt(2)));
        System.out.println("time " + Instant.ofEpochSecond(1_000_000_000));
        var pool = Executors.newFixedThreadPool(4);
        var parts = new ArrayList<Future<Long>>();
        for (long i = 0; i < 4; i++) {
            long first = i * 250_000 + 1;
            parts.add(pool.submit(() -> LongStream.range(first, first + 250_000).sum()));
        }
        long sum = 0;
        for (var part : parts) sum += part.get();
        pool.shutdown();
        System.out.println("threads " + sum);
    }
}
