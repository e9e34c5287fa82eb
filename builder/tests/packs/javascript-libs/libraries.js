const _ = require("lodash");

console.log(_.sortBy([{ n: 3 }, { n: 1 }], "n")[0].n, _.chunk([1, 2, 3], 2).length, _.range(5).join(""));
