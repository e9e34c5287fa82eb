package lib;

public class Util {
    public static void greet(String name) {
        System.out.println("Hello, " + name + "!");
    }
}
