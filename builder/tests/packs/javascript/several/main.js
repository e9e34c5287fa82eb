const fs = require("fs");
const { greet } = require("./lib/util");

greet(fs.readFileSync("data.txt", "utf8").trim());
