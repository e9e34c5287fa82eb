Code.require_file("lib/util.exs")
Util.greet(String.trim(File.read!("data.txt")))
