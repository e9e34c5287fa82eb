-module(main).
-export([main/0]).

main() ->
    io:setopts(standard_io, [{encoding, unicode}]),
    io:format("~ts~n", ["Grüße, Мир, 世界, 😀"]),
    lines().

lines() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            Text = string:trim(Line, trailing, "\n"),
            io:format("~b ~ts~n", [length(Text), lists:reverse(Text)]),
            lines()
    end.
