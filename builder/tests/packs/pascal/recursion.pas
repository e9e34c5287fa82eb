function Sum(n: Int64): Int64;
begin
  if n = 0 then
    Sum := 0
  else
    Sum := n + Sum(n - 1);
end;

begin
  WriteLn(Sum(100000));
end.
