-module(main).
-export([main/0]).

main() ->
    {ok, Name} = file:read_file("data.txt"),
    util:greet(string:trim(Name)).
