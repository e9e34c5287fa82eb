-module(main).
-export([main/0]).

main() ->
    io:format("spinning~n"),
    spin().

spin() -> spin().
