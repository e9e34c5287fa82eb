#include <iostream>
#include <vector>

int inner(const std::vector<int> &numbers) { return numbers.at(3); }

int outer() { return inner({1, 2, 3}); }

int main() {
    std::cout << "before" << std::endl;
    return outer();
}
