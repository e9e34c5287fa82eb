#lang racket
(require "lib/util.rkt")

(greet (string-trim (file->string "data.txt")))
