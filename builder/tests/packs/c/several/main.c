#include <stdio.h>
#include "include/util.h"

int main(void) {
    char name[20];
    FILE *data = fopen("data.txt", "r");
    if (!data || fscanf(data, "%19s", name) != 1) return 1;
    greet(name);
    return 0;
}
