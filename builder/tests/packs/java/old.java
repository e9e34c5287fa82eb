public class Old {
    public static void main(String[] arguments) {
        var text = "Java 10 has `var`";
    }
}
