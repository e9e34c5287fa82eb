#include <fstream>

#include "twice.h"

int main() {
    int number;
    std::ifstream("input.txt") >> number;
    std::ofstream("output.txt") << twice(number) << '\n';
}
