#include <iostream>

#include "area.h"

int main() {
    int width, height;
    std::cin >> width >> height;
    std::cout << area(width, height) << '\n';
}
