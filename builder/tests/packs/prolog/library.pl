:- use_module(library(assoc)).
:- use_module(library(clpfd)).
:- use_module(library(thread)).

count(Word, Counts0, Counts) :-
    (   get_assoc(Word, Counts0, Count)
    ->  true
    ;   Count = 0
    ),
    Next is Count + 1,
    put_assoc(Word, Counts0, Next, Counts).

quarter(I, Sum) :-
    First is I * 250000 + 1,
    Last is First + 249999,
    numlist(First, Last, Numbers),
    sum_list(Numbers, Sum).

main :-
    empty_assoc(Empty),
    split_string("banana apple cherry apple banana apple", " ", "", Words),
    foldl(count, Words, Empty, Counts),
    write(maps),
    forall(gen_assoc(Word, Counts, Count), format(" ~s=~d", [Word, Count])),
    nl,
    msort([3, -5, 9, 0, 8, -1], Sorted),
    atomic_list_concat([sort|Sorted], ' ', Line),
    writeln(Line),
    numlist(1, 50, Numbers),
    foldl([N, A, B]>>(B is A * N), Numbers, 1, Product),
    format("bigint ~d~n", [Product]),
    X #= 1 + 2,
    format("decimal 0.~d~n", [X]),
    Root is sqrt(2),
    format("sqrt ~6f~n", [Root]),
    format_time(atom(Time), '%FT%TZ', 1000000000),
    format("time ~w~n", [Time]),
    concurrent_maplist(quarter, [0, 1, 2, 3], Parts),
    sum_list(Parts, Sum),
    format("threads ~d~n", [Sum]).
