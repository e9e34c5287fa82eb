1;

function result = inner(numbers)
  result = numbers(4) + 1;
end

function result = outer()
  result = inner([1 2 3]) + 1;
end

printf("before\n");
fflush(stdout);
outer();
