const char secret[] = {
#embed "@CANARY@"
};
int main(void) {}
