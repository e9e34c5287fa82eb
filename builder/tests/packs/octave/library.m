words = strsplit("banana apple cherry apple banana apple", " ");
counts = containers.Map();
for i = 1:numel(words)
  if isKey(counts, words{i})
    counts(words{i}) += 1;
  else
    counts(words{i}) = 1;
  end
end
printf("maps");
for key = keys(counts)
  printf(" %s=%d", key{1}, counts(key{1}));
end
printf("\nsort %s\n", strjoin(arrayfun(@(n) num2str(n), sort([3 -5 9 0 8 -1]), "UniformOutput", false), " "));
dates = regexp("from 2024-02-29 to 1999-12-31, not 99-1-1", '\d{4}-\d{2}-\d{2}', "match");
printf("regex %s\n", strjoin(dates, " "));
document = jsondecode('{"name": "caf\u00e9", "values": [1, 2, 3]}');
printf("json %s %d %s\n", document.name, sum(document.values), strrep(jsonencode({1, NaN, "x"}), "NaN", "null"));
printf("sqrt %.6f\n", sqrt(2));
printf("time %s\n", strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(1e9)));
