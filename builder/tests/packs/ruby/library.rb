require "bigdecimal"
require "json"
require "set"
require "time"

counts = "banana apple cherry apple banana apple".split.tally
puts "maps " + counts.sort.map { |word, count| "#{word}=#{count}" }.join(" ")
puts "sort " + [3, -5, 9, 0, 8, -1].to_set.sort.join(" ")
puts "bigint #{(1..50).reduce(:*)}"
puts "regex " + "from 2024-02-29 to 1999-12-31, not 99-1-1".scan(/\b\d{4}-\d{2}-\d{2}\b/).join(" ")
document = JSON.parse('{"name": "caf\u00e9", "values": [1, 2, 3]}')
puts "json #{document["name"]} #{document["values"].sum} #{JSON.generate([1, nil, "x"])}"
puts "decimal #{(BigDecimal("0.1") + BigDecimal("0.2")).to_s("F")}"
puts format("sqrt %.6f", Math.sqrt(2))
puts "time #{Time.at(1_000_000_000).utc.iso8601}"
parts = 4.times.map { |i| Thread.new { (i * 250_000 + 1..(i + 1) * 250_000).reduce(:+) } }
puts "threads #{parts.sum(&:value)}"
