#include <stdio.h>

static long sum(volatile long n)
{
	return n == 0 ? 0 : n + sum(n - 1);
}

int main(void)
{
	printf("%ld\n", sum(100000));
}
