-module(main).
-export([main/0]).

quarter(I) -> lists:sum(lists:seq(I * 250000 + 1, (I + 1) * 250000)).

main() ->
    Words = string:split("banana apple cherry apple banana apple", " ", all),
    Counts = lists:foldl(fun(Word, Map) -> maps:update_with(Word, fun(N) -> N + 1 end, 1, Map) end, #{}, Words),
    io:format("maps~s~n", [[io_lib:format(" ~s=~b", [Word, N]) || {Word, N} <- lists:sort(maps:to_list(Counts))]]),
    io:format("sort~s~n", [[io_lib:format(" ~b", [N]) || N <- lists:sort([3, -5, 9, 0, 8, -1])]]),
    io:format("bigint ~b~n", [lists:foldl(fun(A, B) -> A * B end, 1, lists:seq(1, 50))]),
    {match, Dates} = re:run("from 2024-02-29 to 1999-12-31, not 99-1-1", "\\b\\d{4}-\\d{2}-\\d{2}\\b",
                            [global, {capture, all, list}]),
    io:format("regex ~s~n", [lists:join(" ", [Date || [Date] <- Dates])]),
    io:format("sqrt ~.6f~n", [math:sqrt(2)]),
    io:format("time ~s~n", [calendar:system_time_to_rfc3339(1000000000, [{offset, "Z"}])]),
    Main = self(),
    [spawn(fun() -> Main ! quarter(I) end) || I <- lists:seq(0, 3)],
    io:format("threads ~b~n", [lists:sum([receive N -> N end || _ <- lists:seq(0, 3)])]).
