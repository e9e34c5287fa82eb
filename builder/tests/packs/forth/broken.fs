: main undeclared ;

main bye
