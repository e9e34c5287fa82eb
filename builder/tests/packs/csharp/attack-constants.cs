class Program
{
    const string A = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    const string B = A + A + A + A + A + A + A + A + A + A + A + A + A + A + A + A;
    const string C = B + B + B + B + B + B + B + B + B + B + B + B + B + B + B + B;
    const string D = C + C + C + C + C + C + C + C + C + C + C + C + C + C + C + C;
    const string E = D + D + D + D + D + D + D + D + D + D + D + D + D + D + D + D;
    const string F = E + E + E + E + E + E + E + E + E + E + E + E + E + E + E + E;
    const string G = F + F + F + F + F + F + F + F + F + F + F + F + F + F + F + F;

    static void Main()
    {
        System.Console.WriteLine(G.Length);
    }
}
