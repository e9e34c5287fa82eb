-module(main).
-export([main/0]).

main() ->
    {ok, Text} = file:read_file("/dev/stdin"),
    [Count | Numbers] = [binary_to_integer(Line) || Line <- binary:split(Text, <<"\n">>, [global, trim])],
    io:format("sum ~b~n", [lists:sum(Numbers)]),
    io:format("xor ~b~n", [lists:foldl(fun(A, B) -> A bxor B end, 0, Numbers)]),
    io:format("median ~b~n", [lists:nth(Count div 2 + 1, lists:sort(Numbers))]).
