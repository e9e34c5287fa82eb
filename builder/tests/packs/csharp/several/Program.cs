class Program
{
    static void Main()
    {
        Lib.Util.Greet(System.IO.File.ReadAllText("data.txt").Trim());
    }
}
