:- use_module(library(readutil)).
:- use_module(library(lists)).

main :-
    integer_line(Count),
    numbers(Count, 0, Xor, Numbers),
    sum_list(Numbers, Sum),
    msort(Numbers, Sorted),
    Middle is Count // 2,
    nth0(Middle, Sorted, Median),
    format("sum ~d~nxor ~d~nmedian ~d~n", [Sum, Xor, Median]).

integer_line(Number) :-
    read_line_to_codes(user_input, Codes),
    number_codes(Number, Codes).

numbers(0, Xor, Xor, []) :- !.
numbers(N, Xor0, Xor, [Number|Numbers]) :-
    integer_line(Number),
    Xor1 is Xor0 xor Number,
    M is N - 1,
    numbers(M, Xor1, Xor, Numbers).
