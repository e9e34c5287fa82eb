puts spinning
flush stdout
while 1 {}
