for (let i = 0; i < 200000; i++) console.log(i);
process.exit(0);
