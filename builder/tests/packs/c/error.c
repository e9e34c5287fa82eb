#include <assert.h>
#include <stdio.h>

static void inner(int depth)
{
	assert(depth > 3);
}

static void outer(void)
{
	inner(3);
}

int main(void)
{
	puts("before");
	fflush(stdout);
	outer();
}
