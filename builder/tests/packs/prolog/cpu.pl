main :-
    writeln(spinning),
    flush_output,
    repeat,
    fail.
