#define A(x) x, x, x, x, x, x, x, x, x, x
#define B(x) A(A(A(x)))
#define C(x) B(B(B(x)))
int main(void)
{
	static int numbers[] = {C(1)};
	return numbers[0];
}
