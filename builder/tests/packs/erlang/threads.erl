-module(main).
-export([main/0]).

main() ->
    Main = self(),
    Processes = [spawn(fun() -> receive go -> Main ! done end end) || _ <- lists:seq(1, 100000)],
    [Process ! go || Process <- Processes],
    [receive done -> ok end || _ <- Processes],
    io:format("~b~n", [length(Processes)]).
