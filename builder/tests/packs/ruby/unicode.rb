puts "Grüße, Мир, 世界, 😀"
while (line = gets&.chomp)
  puts "#{line.length} #{line.reverse}"
end
