(use-modules (ice-9 rdelim) (lib util))

(greet (call-with-input-file "data.txt" read-line))
