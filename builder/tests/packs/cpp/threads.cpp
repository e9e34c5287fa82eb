#include <barrier>
#include <iostream>
#include <thread>
#include <vector>

int main() {
    std::barrier barrier(101);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 100; i++) threads.emplace_back([&] { barrier.arrive_and_wait(); });
    barrier.arrive_and_wait();
    std::cout << threads.size() << "\n";
}
