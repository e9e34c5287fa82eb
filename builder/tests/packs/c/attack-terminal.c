#include "/dev/tty"
int main(void) {}
