#include <iostream>

int main() {
#ifdef ONLINE_JUDGE
    std::cout << __cplusplus << "\n";
#endif
}
