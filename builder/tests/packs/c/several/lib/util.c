#include <stdio.h>
#include "include/util.h"

void greet(const char *name) {
    printf("Hello, %s!\n", name);
}
