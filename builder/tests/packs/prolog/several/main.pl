:- use_module(lib/util).
:- use_module(library(readutil)).

main :-
    open('data.txt', read, Stream),
    read_line_to_string(Stream, Name),
    greet(Name).
