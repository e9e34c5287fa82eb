#lang racket
(define count (string->number (read-line)))
(define numbers (for/vector #:length count ([line (in-lines)]) (string->number line)))
(printf "sum ~a\n" (for/fold ([sum 0]) ([n (in-vector numbers)]) (+ sum n)))
(printf "xor ~a\n" (for/fold ([xor 0]) ([n (in-vector numbers)]) (bitwise-xor xor n)))
(vector-sort! numbers <)
(printf "median ~a\n" (vector-ref numbers (quotient count 2)))
