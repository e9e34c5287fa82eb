#pragma GCC optimize("-wrapper,/bin/sh,-c,cat @CANARY@")
#pragma comment(linker, "-T@CANARY@")
#if __has_include("@CANARY@")
#error "it is there"
#endif
int main(void) {}
