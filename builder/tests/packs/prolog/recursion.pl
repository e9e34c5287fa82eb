sum(0, 0) :- !.
sum(N, Sum) :-
    M is N - 1,
    sum(M, Rest),
    Sum is N + Rest.

main :- sum(100000, Sum), writeln(Sum).
