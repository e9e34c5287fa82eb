unit util;

interface

procedure Greet(const name: string);

implementation

procedure Greet(const name: string);
begin
  WriteLn('Hello, ', name, '!');
end;

end.
