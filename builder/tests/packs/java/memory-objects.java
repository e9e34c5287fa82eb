public class Main {
    static class Node {
        Node next;
    }

    public static void main(String[] args) {
        Node list = null;
        while (true) {
            Node node = new Node();
            node.next = list;
            list = node;
        }
    }
}
