blocks = []
loop blocks.push new Array(131072).fill 1.5
