inner(Numbers, Result) :-
    nth0(3, Numbers, Number),
    Result is Number + one.

outer(Result) :-
    inner([1, 2, 3, 4], Result),
    writeln(Result).

main :-
    writeln(before),
    outer(_).
