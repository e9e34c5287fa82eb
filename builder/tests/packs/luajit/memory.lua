-- 2 GB of the address space are for tables and strings.
local blocks = {}
while true do
    blocks[#blocks + 1] = ("x"):rep(2 ^ 20) .. #blocks
end
