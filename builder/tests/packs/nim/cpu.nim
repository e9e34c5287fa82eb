echo "spinning"
stdout.flushFile
while true: discard
