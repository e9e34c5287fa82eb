// The numbers of the input, upwards or downwards.
#include "testlib.h"

#include <algorithm>
#include <vector>

static std::vector<long long> numbers(Stream &stream) {
    std::vector<long long> all;
    while (!stream.seekEof()) all.push_back(stream.readLong());
    return all;
}

int main(int count, char **arguments) {
    registerTestlibCmd(count, arguments);
    auto wanted = numbers(inf), found = numbers(ouf);
    std::sort(wanted.begin(), wanted.end());
    if (numbers(ans) != wanted) quit(_fail, "the answer is not the sorted input");
    if (found.size() > 1 && found.front() > found.back()) std::reverse(found.begin(), found.end());
    if (found != wanted) quit(_wa, "the numbers are others, or in another order");
    quit(_ok, std::to_string(found.size()) + " numbers");
}
