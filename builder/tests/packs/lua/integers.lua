local n = io.read("n")
local numbers, sum, xor = {}, 0, 0
for i = 1, n do
    local number = io.read("n")
    numbers[i] = number
    sum = sum + number
    xor = xor ~ number
end
table.sort(numbers)
print("sum " .. sum)
print("xor " .. xor)
print("median " .. numbers[n // 2 + 1])
