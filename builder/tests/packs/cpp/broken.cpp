#include <string>

int main() { return std::string("text"); }
