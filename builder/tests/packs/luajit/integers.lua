local bit = require("bit")
local n = io.read("*n")
-- Doubles hold the sum, too.
local numbers, sum, xor = {}, 0, 0
for i = 1, n do
    local number = io.read("*n")
    numbers[i] = number
    sum = sum + number
    xor = bit.bxor(xor, number)
end
table.sort(numbers)
print(("sum %d"):format(sum))
print("xor " .. xor)
print("median " .. numbers[math.floor(n / 2) + 1])
