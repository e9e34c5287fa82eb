local function inner(numbers)
    return numbers[4] + 1
end

local function outer()
    local result = inner({1, 2, 3})
    return result
end

print("before")
outer()
