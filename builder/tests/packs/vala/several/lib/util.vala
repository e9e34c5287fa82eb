namespace Lib {
    void greet(string name) {
        print("Hello, %s!\n", name);
    }
}
