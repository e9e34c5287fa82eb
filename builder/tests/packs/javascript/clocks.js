// Clocks that begin with the process.
console.log(performance.now() < 1500, process.uptime() < 1.5, Math.abs(Date.now() - performance.timeOrigin) < 1500);
