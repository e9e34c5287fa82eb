namespace Lib
{
    static class Util
    {
        public static void Greet(string name) { System.Console.WriteLine("Hello, " + name + "!"); }
    }
}
