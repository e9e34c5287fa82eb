local counts, words = {}, {}
for word in ("banana apple cherry apple banana apple"):gmatch("%a+") do
    if not counts[word] then words[#words + 1] = word end
    counts[word] = (counts[word] or 0) + 1
end
table.sort(words)
for i, word in ipairs(words) do words[i] = word .. "=" .. counts[word] end
print("maps " .. table.concat(words, " "))

local numbers = {3, -5, 9, 0, 8, -1}
table.sort(numbers)
print("sort " .. table.concat(numbers, " "))

local dates = {}
for date in ("from 2024-02-29 to 1999-12-31, not 99-1-1"):gmatch("%d%d%d%d%-%d%d%-%d%d") do
    dates[#dates + 1] = date
end
print("regex " .. table.concat(dates, " "))
print(("sqrt %.6f"):format(math.sqrt(2)))
print("time " .. os.date("!%Y-%m-%dT%H:%M:%SZ", 1000000000))
