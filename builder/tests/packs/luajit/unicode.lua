-- Lua 5.1 has no utf8: a code point is a byte and those that continue it.
print("Grüße, Мир, 世界, 😀")
for line in io.lines() do
    local points = {}
    for point in line:gmatch("[^\128-\191][\128-\191]*") do table.insert(points, 1, point) end
    print(#points .. " " .. table.concat(points))
end
