if true; then
    echo unfinished
