def inner(numbers)
  numbers.fetch(3)
end

def outer
  inner([1, 2, 3])
end

puts "before"
outer
