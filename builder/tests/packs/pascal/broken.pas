var
  number: LongInt;
begin
  number := 'text';
end.
