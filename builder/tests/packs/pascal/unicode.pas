{$mode objfpc}{$codepage utf8}
{ fpc's own strings of code units; what counts code points is the UTF-8 encoding itself. }
var
  line, reversed: RawByteString;
  at, start, count: LongInt;

begin
  WriteLn(RawByteString('Grüße, Мир, 世界, 😀'));
  while not EOF do
  begin
    ReadLn(line);
    reversed := '';
    count := 0;
    at := 1;
    while at <= Length(line) do
    begin
      start := at;
      Inc(at);
      while (at <= Length(line)) and (Ord(line[at]) and $C0 = $80) do
        Inc(at);
      reversed := Copy(line, start, at - start) + reversed;
      Inc(count);
    end;
    WriteLn(count, ' ', reversed);
  end;
end.
