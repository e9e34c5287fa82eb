puts "spinning"
$stdout.flush
loop {}
