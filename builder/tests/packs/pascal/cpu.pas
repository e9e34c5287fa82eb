begin
  WriteLn('spinning');
  Flush(Output);
  while True do;
end.
