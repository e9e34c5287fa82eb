include lib/util.fs

s" data.txt" slurp-file 1- greet bye
