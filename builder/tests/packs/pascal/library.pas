{$mode objfpc}{$H+}
uses
  cthreads, Classes, SysUtils, DateUtils, Generics.Collections;

type
  TCounts = specialize TDictionary<string, LongInt>;
  TNumbers = specialize TList<LongInt>;

  TQuarter = class(TThread)
    First: Int64;
    Sum: Int64;
    procedure Execute; override;
  end;

procedure TQuarter.Execute;
var
  i: Int64;
begin
  for i := First to First + 249999 do
    Sum := Sum + i;
end;

var
  counts: TCounts;
  words: TStringList;
  numbers: TNumbers;
  quarters: array[0..3] of TQuarter;
  word: string;
  number, i, count: LongInt;
  sum: Int64 = 0;
  price: Currency;

begin
  counts := TCounts.Create;
  words := TStringList.Create;
  words.Sorted := True;
  words.Duplicates := dupIgnore;
  for word in 'banana apple cherry apple banana apple'.Split([' ']) do
  begin
    if not counts.TryGetValue(word, count) then
      count := 0;
    counts.AddOrSetValue(word, count + 1);
    words.Add(word);
  end;
  Write('maps');
  for word in words do
    Write(' ', word, '=', counts[word]);
  WriteLn;

  numbers := TNumbers.Create;
  numbers.AddRange([3, -5, 9, 0, 8, -1]);
  numbers.Sort;
  Write('sort');
  for number in numbers do
    Write(' ', number);
  WriteLn;

  price := 0.1;
  price := price + 0.2;
  WriteLn('decimal ', CurrToStr(price));
  WriteLn('sqrt ', FormatFloat('0.000000', Sqrt(2)));
  WriteLn('time ', FormatDateTime('yyyy-mm-dd"T"hh:nn:ss"Z"', UnixToDateTime(1000000000)));

  for i := 0 to 3 do
  begin
    quarters[i] := TQuarter.Create(True);
    quarters[i].First := Int64(i) * 250000 + 1;
    quarters[i].Start;
  end;
  for i := 0 to 3 do
  begin
    quarters[i].WaitFor;
    sum := sum + quarters[i].Sum;
  end;
  WriteLn('threads ', sum);
end.
