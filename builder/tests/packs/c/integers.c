#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

int main(void)
{
	int n;
	if (scanf("%d", &n) != 1)
		return 1;
	int *numbers = malloc(n * sizeof *numbers);
	long long sum = 0;
	int xor = 0;
	for (int i = 0; i < n; i++) {
		if (scanf("%d", &numbers[i]) != 1)
			return 1;
		sum += numbers[i];
		xor ^= numbers[i];
	}
	qsort(numbers, n, sizeof *numbers, ascending);
	printf("sum %lld\nxor %d\nmedian %d\n", sum, xor, numbers[n / 2]);
}
