require "matrix"
require "prime"

puts Matrix[[1, 2], [3, 4]].determinant
puts Prime.first(3).sum
