-module(main).
-export([main/0]).

inner(Numbers) ->
    lists:nth(4, Numbers) + 1.

outer() ->
    inner([1, 2, 3]) + 1.

main() ->
    io:format("before~n"),
    outer().
