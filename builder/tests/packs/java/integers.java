import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.StreamTokenizer;
import java.io.InputStreamReader;
import java.util.Arrays;

public class Main {
    public static void main(String[] args) throws IOException {
        var in = new StreamTokenizer(new InputStreamReader(new BufferedInputStream(System.in)));
        in.nextToken();
        int[] numbers = new int[(int) in.nval];
        long sum = 0;
        int xor = 0;
        for (int i = 0; i < numbers.length; i++) {
            in.nextToken();
            numbers[i] = (int) in.nval;
            sum += numbers[i];
            xor ^= numbers[i];
        }
        Arrays.sort(numbers);
        System.out.printf("sum %d%nxor %d%nmedian %d%n", sum, xor, numbers[numbers.length / 2]);
    }
}
