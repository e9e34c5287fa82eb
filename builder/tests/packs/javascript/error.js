function inner(numbers) {
    return numbers[3].toString();
}

function outer() {
    return inner([1, 2, 3]);
}

console.log("before");
outer();
