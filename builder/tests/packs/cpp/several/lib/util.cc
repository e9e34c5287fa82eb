#include <iostream>
#include "include/util.h"

void greet(const std::string &name) {
    std::cout << "Hello, " << name << "!\n";
}
