public class Main {
    static int inner(int[] numbers) {
        return numbers[3];
    }

    static int outer() {
        return inner(new int[] {1, 2, 3});
    }

    public static void main(String[] args) {
        System.out.println("before");
        outer();
    }
}
