#include <stdio.h>

int main(void) {
#ifdef ONLINE_JUDGE
    printf("%ld\n", __STDC_VERSION__);
#endif
}
