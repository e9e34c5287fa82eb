// A class path of its own, in which no class of capsule's has a name that is likely.
class Agent {
    static String name() { return "mine"; }
}

class Warm {
    static String name() { return "mine too"; }
}

public class Main {
    public static void main(String[] arguments) {
        System.out.println(System.getProperty("java.class.path") + " " + Agent.name() + " " + Warm.name());
        try {
            var raise = Class.forName("jdk.internal.misc.Signal").getDeclaredMethod("raise0", int.class);
            raise.setAccessible(true);
            System.out.println("open");
        } catch (ReflectiveOperationException | RuntimeException error) {
            System.out.println(error.getClass().getSimpleName());
        }
    }
}
