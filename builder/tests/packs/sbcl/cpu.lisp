(write-line "spinning")
(finish-output)
(loop)
