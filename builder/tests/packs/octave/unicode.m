printf("Grüße, Мир, 世界, 😀\n");
line = fgetl(stdin);
while ischar(line)
  points = regexp(line, '.', "match");
  printf("%d %s\n", numel(points), strjoin(fliplr(points), ""));
  line = fgetl(stdin);
end
