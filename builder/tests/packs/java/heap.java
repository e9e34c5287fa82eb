public class Heap {
    public static void main(String[] arguments) {
        byte[][] parts = new byte[170][];
        for (int i = 0; i < parts.length; i++) parts[i] = new byte[1 << 20];
        System.out.println(parts.length);
    }
}
