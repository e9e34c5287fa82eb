class Base {
    void main() { }
}

public class Outer {
    static class Inner {
        public static void main(String... arguments) { System.out.println("42"); }
    }
}
