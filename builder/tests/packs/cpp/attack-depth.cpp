template <int N> struct Deep : Deep<N + 1> {};
Deep<0> deep;
int main() {}
