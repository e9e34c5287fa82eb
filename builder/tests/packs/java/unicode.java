import java.util.Scanner;

public class Main {
    public static void main(String[] args) {
        System.out.println("Grüße, Мир, 世界, 😀");
        var in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String line = in.nextLine();
            System.out.println(line.codePointCount(0, line.length()) + " " + new StringBuilder(line).reverse());
        }
    }
}
