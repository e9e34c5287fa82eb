// npm's piston-client, unchanged, against a running `capsule serve`: client.mjs http://ADDRESS
import assert from 'node:assert';
import piston from 'piston-client';

const client = piston({ server: process.argv[2] });
const runtimes = await client.runtimes();
assert(runtimes.some(runtime => runtime.language === 'python'));
const hello = await client.execute('python', 'print("hello", input())', { stdin: 'w' });
assert.equal(hello.run.output, 'hello w\n');
assert.equal(hello.run.code, 0);
const bad = await client.execute('c++', 'int main( {');
assert.equal(bad.compile.code, 1);
const failed = await client.execute('python', 'exit(3)');
assert.equal(failed.run.code, 3);
console.log('piston-client: ok');
