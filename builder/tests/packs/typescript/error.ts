function inner(numbers: number[]): string {
    return numbers[3].toString();
}

function outer(): string {
    return inner([1, 2, 3]);
}

console.log("before");
outer();
