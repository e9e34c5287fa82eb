print("spinning")
io.flush()
while true do end
