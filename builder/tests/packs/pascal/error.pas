{$mode objfpc}
uses SysUtils;

procedure Inner(depth: LongInt);
begin
  if depth < 4 then
    raise Exception.Create('too shallow');
end;

procedure Outer;
begin
  Inner(3);
end;

begin
  WriteLn('before');
  Outer;
end.
