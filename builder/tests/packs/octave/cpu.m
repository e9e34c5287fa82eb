printf("spinning\n");
fflush(stdout);
while true
end
