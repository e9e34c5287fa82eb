{$mode objfpc}
uses Classes, SysUtils, contnrs, fpjson, jsonparser, Generics.Collections, gvector;
type
  TNumbers = specialize TVector<Integer>;
  TWords = specialize TDictionary<string, Integer>;
var
  numbers: TNumbers;
  words: TWords;
  stack: TObjectList;
begin
  numbers := TNumbers.Create;
  numbers.PushBack(42);
  words := TWords.Create;
  words.Add('one', 1);
  stack := TObjectList.Create(True);
  stack.Add(TObject.Create);
  WriteLn(numbers[0], ' ', words['one'], ' ', stack.Count, ' ', GetJSON('{"a": [1, 2]}').FindPath('a[1]').AsInteger);
end.
