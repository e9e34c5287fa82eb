// Work whose CPU time is hard to account for. Each way prints the CPU time of this process and of its children in
// microseconds, as getrusage(2) has it when all of them have ended.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long micros(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void compute(long us)
{
    for (long end = micros(CLOCK_THREAD_CPUTIME_ID) + us; micros(CLOCK_THREAD_CPUTIME_ID) < end;) {
    }
}

static void wait_until(long us)
{
    struct timespec at = {us / 1000000, us % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

// Works only between two ticks of 4 ms and sleeps over each: what samples at ticks sees nothing of it.
static void dodge(void)
{
    for (int round = 0; round < 40; round++) {
        wait_until(micros(CLOCK_MONOTONIC) / 4000 * 4000 + 4500);
        compute(2000);
    }
}

// Some 80 ms, as the others.
static void forks(void)
{
    for (int round = 0; round < 600; round++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            exit(3);
    }
}

static void sleeps(void)
{
    for (int round = 0; round < 300; round++)
        wait_until(micros(CLOCK_MONOTONIC) + 300);
}

static void *thread(void *unused)
{
    compute(5000);
    return unused;
}

static void threads(void)
{
    pthread_t all[16];
    for (int number = 0; number < 16; number++)
        if (pthread_create(&all[number], NULL, thread, NULL) != 0)
            exit(3);
    for (int number = 0; number < 16; number++)
        pthread_join(all[number], NULL);
}

int main(int count, char **arguments)
{
    static const struct { const char *name; void (*work)(void); } ways[] = {
        {"dodge", dodge}, {"forks", forks}, {"sleeps", sleeps}, {"threads", threads}};
    for (size_t way = 0; count == 2 && way < sizeof ways / sizeof *ways; way++) {
        if (strcmp(ways[way].name, arguments[1]) != 0)
            continue;
        ways[way].work();
        struct rusage own, children;
        getrusage(RUSAGE_SELF, &own);
        getrusage(RUSAGE_CHILDREN, &children);
        const struct timeval *all[] = {&own.ru_utime, &own.ru_stime, &children.ru_utime, &children.ru_stime};
        long sum = 0;
        for (int part = 0; part < 4; part++)
            sum += all[part]->tv_sec * 1000000L + all[part]->tv_usec;
        printf("%ld\n", sum);
        return 0;
    }
    return 2;
}
