-module(main).
-export([main/0]).

sum(0) -> 0;
sum(N) -> N + sum(N - 1).

main() ->
    io:format("~b~n", [sum(100000)]).
