{$mode objfpc}
uses Generics.Collections;

var
  n, i, bits: LongInt;
  sum: Int64 = 0;
  numbers: array of LongInt;
  buffer: array[0..65535] of Byte;

begin
  SetTextBuf(Input, buffer, SizeOf(buffer));
  ReadLn(n);
  SetLength(numbers, n);
  bits := 0;
  for i := 0 to n - 1 do
  begin
    ReadLn(numbers[i]);
    sum := sum + numbers[i];
    bits := bits xor numbers[i];
  end;
  specialize TArrayHelper<LongInt>.Sort(numbers);
  WriteLn('sum ', sum);
  WriteLn('xor ', bits);
  WriteLn('median ', numbers[n div 2]);
end.
