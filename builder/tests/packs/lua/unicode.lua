print("Grüße, Мир, 世界, 😀")
for line in io.lines() do
    local points = {}
    for _, point in utf8.codes(line) do table.insert(points, 1, utf8.char(point)) end
    print(utf8.len(line) .. " " .. table.concat(points))
end
