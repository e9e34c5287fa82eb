console.log "spinning"
loop 0
