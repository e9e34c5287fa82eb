#include <bits/stdc++.h>

int main() {
    std::map<std::string, int> counts;
    std::istringstream words("banana apple cherry apple banana apple");
    for (std::string word; words >> word;) ++counts[word];
    std::cout << "maps";
    for (const auto &[word, count] : counts) std::cout << " " << word << "=" << count;

    std::vector numbers{3, -5, 9, 0, 8, -1};
    std::sort(numbers.begin(), numbers.end());
    std::cout << "\nsort";
    for (int number : numbers) std::cout << " " << number;

    const std::string text = "from 2024-02-29 to 1999-12-31, not 99-1-1";
    const std::regex date(R"(\d{4}-\d{2}-\d{2})");
    std::cout << "\nregex";
    for (std::sregex_iterator it(text.begin(), text.end(), date), end; it != end; ++it)
        std::cout << " " << it->str();

    std::cout << "\nsqrt " << std::fixed << std::setprecision(6) << std::sqrt(2.0);

    const std::time_t billion = 1'000'000'000;
    std::cout << "\ntime " << std::put_time(std::gmtime(&billion), "%Y-%m-%dT%H:%M:%SZ");

    std::vector<std::future<long>> parts;
    for (long i = 0; i < 4; ++i)
        parts.push_back(std::async(std::launch::async, [i] {
            std::vector<long> part(250'000);
            std::iota(part.begin(), part.end(), i * 250'000 + 1);
            return std::accumulate(part.begin(), part.end(), 0L);
        }));
    long sum = 0;
    for (auto &part : parts) sum += part.get();
    std::cout << "\nthreads " << sum << "\n";
}
