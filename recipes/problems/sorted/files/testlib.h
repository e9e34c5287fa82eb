// The few things of testlib that check.cpp uses, written for this example. A package of Polygon has the real one here.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

enum Result { _ok = 0, _wa = 1, _pe = 2, _fail = 3 };

[[noreturn]] inline void quit(Result result, const std::string &message) {
    const char *words[] = {"ok", "wrong answer", "wrong output format", "FAIL"};
    std::fprintf(stderr, "%s %s\n", words[result], message.c_str());
    std::exit(result);
}

// One of the three files. What is wrong with the output is the submission's fault, anything else the judge's.
struct Stream {
    std::ifstream file;
    Result fault = _fail;

    bool seekEof() {
        file >> std::ws;
        return file.peek() == std::char_traits<char>::eof();
    }

    long long readLong() {
        std::string word;
        if (!(file >> word)) quit(fault, "a number is missing");
        std::size_t end = 0;
        long long number = 0;
        try {
            number = std::stoll(word, &end);
        } catch (const std::exception &) {
            end = 0;
        }
        if (end != word.size()) quit(fault, "expected a number, found \"" + word + "\"");
        return number;
    }
};

inline Stream inf, ouf, ans;

inline void registerTestlibCmd(int count, char **arguments) {
    if (count < 4) quit(_fail, "arguments: input, output, answer");
    inf.file.open(arguments[1]);
    ouf.file.open(arguments[2]);
    ans.file.open(arguments[3]);
    ouf.fault = _pe;
    if (!inf.file || !ouf.file || !ans.file) quit(_fail, "a file cannot be opened");
}
