import java.nio.file.Files;
import java.nio.file.Path;
import lib.Util;

public class Main {
    public static void main(String[] arguments) throws Exception {
        Util.greet(Files.readString(Path.of("data.txt")).strip());
    }
}
