label again;

var
  i: integer;

begin
  i := 0;
again:
  i += 1;
  if i < 3 then goto again;
  WriteLn(i);
end.
