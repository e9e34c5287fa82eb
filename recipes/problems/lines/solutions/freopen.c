#include <stdio.h>

int main(void) {
    int count, number;
    char end;
    freopen("lines.in", "r", stdin);
    freopen("lines.out", "w", stdout);
    if (scanf("%d", &count) != 1) return 1;
    while (count--) {
        long sum = 0;
        do {
            if (scanf("%d%c", &number, &end) != 2) return 1;
            sum += number;
        } while (end != '\n');
        printf("%ld\n", sum);
    }
}
