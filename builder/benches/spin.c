/* Needs 10 ms of CPU time, and writes the number that it reads. */
#include <stdio.h>
#include <time.h>

int main(void) {
    struct timespec used;
    int number;
    if (scanf("%d", &number) != 1) return 1;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec == 0 && used.tv_nsec < 10 * 1000 * 1000);
    printf("%d\n", number);
}
