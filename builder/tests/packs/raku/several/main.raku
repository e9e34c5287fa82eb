use lib ".";
use Util;

greet "data.txt".IO.slurp.trim;
