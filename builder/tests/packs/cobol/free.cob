identification division.
program-id. unfixed.
procedure division.
display "free"
stop run.
