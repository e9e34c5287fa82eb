@include "lib/util.awk"

BEGIN {
    getline name < "data.txt"
    greet(name)
}
