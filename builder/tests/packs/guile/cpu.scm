(display "spinning\n")
(force-output)
(let spin () (spin))
