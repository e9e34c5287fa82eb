#include <algorithm>
#include <iostream>
#include <locale>
#include <string>

int main() {
    std::ios::sync_with_stdio(false);
    const std::locale native("");
    std::wcin.imbue(native);
    std::wcout.imbue(native);
    std::wcout << L"Grüße, Мир, 世界, 😀\n";
    for (std::wstring line; std::getline(std::wcin, line);) {
        std::reverse(line.begin(), line.end());
        std::wcout << line.size() << " " << line << "\n";
    }
}
