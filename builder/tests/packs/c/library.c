#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int ascending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void *quarter(void *part)
{
	long *bounds = part, sum = 0;
	for (long i = bounds[0]; i <= bounds[1]; i++)
		sum += i;
	bounds[2] = sum;
	return NULL;
}

int main(void)
{
	int numbers[] = {3, -5, 9, 0, 8, -1};
	qsort(numbers, 6, sizeof *numbers, ascending);
	printf("sort");
	for (int i = 0; i < 6; i++)
		printf(" %d", numbers[i]);

	const char *text = "from 2024-02-29 to 1999-12-31, not 99-1-1";
	regex_t date;
	regmatch_t at;
	regcomp(&date, "[0-9]{4}-[0-9]{2}-[0-9]{2}", REG_EXTENDED);
	printf("\nregex");
	for (; regexec(&date, text, 1, &at, 0) == 0; text += at.rm_eo)
		printf(" %.*s", (int)(at.rm_eo - at.rm_so), text + at.rm_so);

	printf("\nsqrt %.6f\n", sqrt(strtod("2", NULL)));

	char stamp[32];
	time_t billion = 1000000000;
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime(&billion));
	printf("time %s\n", stamp);

	pthread_t threads[4];
	long parts[4][3], sum = 0;
	for (int i = 0; i < 4; i++) {
		parts[i][0] = i * 250000L + 1;
		parts[i][1] = (i + 1) * 250000L;
		pthread_create(&threads[i], NULL, quarter, parts[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		sum += parts[i][2];
	}
	printf("threads %ld\n", sum);
}
