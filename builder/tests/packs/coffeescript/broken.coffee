main = ->
  console.log "never
