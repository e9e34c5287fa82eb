numbers = fscanf(stdin, "%d");
count = numbers(1);
numbers = int64(numbers(2:end));
total = int64(0);
total = sum(numbers, "native");
printf("sum %d\n", total);
bits = int64(0);
x = mod(double(numbers), 2^32);
result = uint64(x(1));
for i = 2:count
  result = bitxor(result, uint64(x(i)));
end
result = double(result);
if result >= 2^31
  result -= 2^32;
end
printf("xor %d\n", result);
numbers = sort(numbers);
printf("median %d\n", numbers(floor(count / 2) + 1));
