#include <functional>
#include <iostream>

int main() {
    const std::function<long(long)> sum = [&](long n) { return n == 0 ? 0 : n + sum(n - 1); };
    std::cout << sum(100'000) << "\n";
}
