uses util;

var
  data: text;
  name: string;

begin
  Assign(data, 'data.txt');
  Reset(data);
  ReadLn(data, name);
  Greet(name);
end.
