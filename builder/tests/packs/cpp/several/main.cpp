#include <fstream>
#include "include/util.h"

int main() {
    std::string name;
    std::ifstream("data.txt") >> name;
    greet(name);
}
