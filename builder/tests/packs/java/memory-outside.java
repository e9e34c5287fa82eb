import java.nio.ByteBuffer;
import java.util.ArrayList;

public class Main {
    public static void main(String[] args) {
        var blocks = new ArrayList<ByteBuffer>();
        while (true) blocks.add(ByteBuffer.allocateDirect(1 << 20));
    }
}
