blocks = {};
while true
  blocks{end + 1} = ones(1, 131072) * numel(blocks);
end
