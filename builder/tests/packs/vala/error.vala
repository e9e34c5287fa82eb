errordomain Shallow { TOO }

int inner(int[] numbers) throws Shallow {
    if (numbers.length < 4) throw new Shallow.TOO("too shallow");
    return numbers[3];
}

int outer() throws Shallow {
    return inner({1, 2, 3}) + 1;
}

int main() {
    print("before\n");
    try {
        outer();
    } catch (Shallow error) {
        stderr.printf("%s\n", error.message);
        return 1;
    }
    return 0;
}
