inner = (numbers) ->
  numbers.missing.length

outer = ->
  inner([1, 2, 3]) + 1

console.log "before"
outer()
