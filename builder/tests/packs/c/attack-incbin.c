__asm__(".section .rodata\nsecret: .incbin \"@CANARY@\"\n.incbin \"/etc/shadow\"\n");
int main(void) {}
