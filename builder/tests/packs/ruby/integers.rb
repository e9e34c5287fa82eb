numbers = $stdin.read.split.drop(1).map(&:to_i)
puts "sum #{numbers.sum}", "xor #{numbers.reduce(:^)}", "median #{numbers.sort[numbers.size / 2]}"
