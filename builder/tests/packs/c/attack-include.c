#include "@CANARY@"
#include "/etc/shadow"
int main(void) {}
