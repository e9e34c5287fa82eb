#include <algorithm>
#include <iostream>
#include <vector>

int main() {
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    int n;
    std::cin >> n;
    std::vector<int> numbers(n);
    long long sum = 0;
    int all = 0;
    for (int &number : numbers) {
        std::cin >> number;
        sum += number;
        all ^= number;
    }
    std::ranges::sort(numbers);
    std::cout << "sum " << sum << "\nxor " << all << "\nmedian " << numbers[n / 2] << "\n";
}
