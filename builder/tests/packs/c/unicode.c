#include <locale.h>
#include <stdio.h>
#include <wchar.h>

int main(void)
{
	wchar_t line[256];
	setlocale(LC_ALL, "");
	wprintf(L"Grüße, Мир, 世界, 😀\n");
	while (fgetws(line, 256, stdin)) {
		size_t length = wcscspn(line, L"\n");
		wprintf(L"%zu ", length);
		while (length-- > 0)
			putwchar(line[length]);
		putwchar(L'\n');
	}
}
