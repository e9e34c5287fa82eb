import * as fs from "fs";

function add(a, b) {
    return a + b;
}

const input: Buffer = fs.readFileSync(0);
const size = fs.fstatSync(0) !== null;
console.log(add(input.length, 1), Buffer.from("x").length, size);
