$| = 1;
print "spinning\n";
1 while 1;
