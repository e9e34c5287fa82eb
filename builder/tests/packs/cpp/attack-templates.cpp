template <int N, typename... T> struct Bomb {
    Bomb<N - 1, T..., int> left;
    Bomb<N - 1, int, T...> right;
};
template <typename... T> struct Bomb<0, T...> {};
Bomb<40> bomb;
int main() {}
