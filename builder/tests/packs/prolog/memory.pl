main :- grow(0).

grow(N) :-
    length(Block, 100000),
    maplist(=(N), Block),
    assertz(block(Block)),
    M is N + 1,
    grow(M).
