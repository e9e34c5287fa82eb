: main ." spinning" cr stdout flush-file throw begin again ;

main
