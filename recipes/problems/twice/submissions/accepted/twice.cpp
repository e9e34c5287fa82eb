#include "twice.h"

int twice(int number) {
    return number + number;
}
