1;

function result = total(n)
  if n == 0
    result = 0;
  else
    result = n + total(n - 1);
  end
end

max_recursion_depth(2000);
printf("%d\n", total(1000));
