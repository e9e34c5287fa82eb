// Small programs of several kinds, for machines of different speed: `works ROUNDS` prints for each its name and the median
// of its CPU times in microseconds. Each run is a process of its own.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile uint64_t kept;

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int ascending(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static void sort(void)
{
    static uint32_t numbers[200000];
    uint64_t state = 1;
    for (size_t i = 0; i < 200000; i++)
        numbers[i] = next(&state);
    qsort(numbers, 200000, sizeof *numbers, ascending);
    kept = numbers[7];
}

static void sieve(void)
{
    static char composite[2000000];
    memset(composite, 0, sizeof composite);
    for (size_t i = 2; i * i < sizeof composite; i++)
        for (size_t j = i * i; !composite[i] && j < sizeof composite; j += i)
            composite[j] = 1;
    kept = composite[1999993];
}

static void table(void)
{
    static uint32_t counts[1 << 16];
    uint64_t state = 1;
    memset(counts, 0, sizeof counts);
    for (int i = 0; i < 1000000; i++)
        counts[next(&state) * 2654435761u >> 16 & 0xffff]++;
    kept = counts[99];
}

struct node { struct node *left, *right; uint32_t key; };

static void tree(void)
{
    struct node *root = NULL;
    uint64_t state = 1;
    for (int i = 0; i < 60000; i++) {
        struct node *made = calloc(1, sizeof *made), **at = &root;
        made->key = next(&state);
        while (*at)
            at = made->key < (*at)->key ? &(*at)->left : &(*at)->right;
        *at = made;
    }
    kept = root->key;
}

static void digits(void)
{
    char text[32];
    uint64_t sum = 0;
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "%d", i * 77);
        sum += strtol(text, NULL, 10) + strlen(text);
    }
    kept = sum;
}

static void paths(void)
{
    static uint32_t far[150][150];
    uint64_t state = 1;
    for (int i = 0; i < 150; i++)
        for (int j = 0; j < 150; j++)
            far[i][j] = next(&state) % 1000;
    for (int k = 0; k < 150; k++)
        for (int i = 0; i < 150; i++)
            for (int j = 0; j < 150; j++)
                if (far[i][k] + far[k][j] < far[i][j])
                    far[i][j] = far[i][k] + far[k][j];
    kept = far[3][5];
}

static long run(void (*work)(void))
{
    struct rusage usage;
    pid_t child = fork();
    if (child == 0) {
        work();
        _exit(0);
    }
    if (child < 0 || wait4(child, NULL, 0, &usage) != child)
        exit(3);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int longer(const void *one, const void *other)
{
    long a = *(const long *)one, b = *(const long *)other;
    return (a > b) - (a < b);
}

int main(int count, char **arguments)
{
    static const struct { const char *name; void (*work)(void); } works[] = {
        {"sort", sort}, {"sieve", sieve}, {"table", table}, {"tree", tree}, {"digits", digits}, {"paths", paths}};
    enum { WORKS = sizeof works / sizeof *works, MOST = 99 };
    static long times[WORKS][MOST];
    int rounds = count == 2 ? atoi(arguments[1]) : 0;
    if (rounds < 1 || rounds > MOST)
        return 2;
    for (int round = 0; round < rounds; round++)
        for (int work = 0; work < WORKS; work++)
            times[work][round] = run(works[work].work);
    for (int work = 0; work < WORKS; work++) {
        qsort(times[work], rounds, sizeof(long), longer);
        printf("work %s %ld\n", works[work].name, times[work][rounds / 2]);
    }
}
