local function main(
