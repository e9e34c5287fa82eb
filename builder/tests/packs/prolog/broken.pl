main :-
    writeln(never)
    writeln(never).
