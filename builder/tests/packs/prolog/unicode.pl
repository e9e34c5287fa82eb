:- use_module(library(readutil)).

main :-
    writeln('Grüße, Мир, 世界, 😀'),
    backwards.

backwards :-
    read_line_to_codes(user_input, Codes),
    (   Codes == end_of_file
    ->  true
    ;   length(Codes, Length),
        reverse(Codes, Reversed),
        format("~d ~s~n", [Length, Reversed]),
        backwards
    ).
