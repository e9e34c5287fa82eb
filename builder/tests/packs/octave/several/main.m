addpath("lib");
greet(strtrim(fileread("data.txt")));
