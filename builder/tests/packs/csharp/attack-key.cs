[assembly: System.Reflection.AssemblyKeyFile("@CANARY@")]

class Program
{
    static void Main()
    {
    }
}
