const numbers = Int32Array.from(require("fs").readFileSync("/dev/stdin", "latin1").trim().split(/\s+/).slice(1));
let sum = 0, xor = 0;
for (const number of numbers) {
    sum += number;
    xor ^= number;
}
numbers.sort();
console.log(`sum ${sum}\nxor ${xor}\nmedian ${numbers[numbers.length >> 1]}`);
