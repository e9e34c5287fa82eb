#lang racket
(displayln "spinning")
(flush-output)
(let spin () (spin))
