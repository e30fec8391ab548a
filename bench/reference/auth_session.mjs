// Answers one request for its session over and over with Auth.js, and tells how long that took.
//
// First line in: the visitor's address; out: whom the session is of. Every further line: how many times; out: nanoseconds.
import { createInterface } from 'node:readline';
import { Auth } from '@auth/core';
import { encode } from '@auth/core/jwt';

const NAME = '__Secure-authjs.session-token';
const SECRET = 'a secret for measurements, of more than 32 octets';
const config = { basePath: '/auth', secret: SECRET, trustHost: true, providers: [], session: { strategy: 'jwt' } };

let headers;

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${headers ? await time(Number(line)) : await begin(line)}\n`);
}

function answer() {
  return Auth(new Request('https://shop.example/auth/session', { headers }), config);
}

async function begin(email) {
  const token = { sub: email, email, name: 'Alice' };
  const cookie = `theme=dark; consent=yes; ${NAME}=${await encode({ token, secret: SECRET, salt: NAME })}`;
  headers = { accept: 'text/html', cookie };
  const session = await (await answer()).json();
  return session?.user?.email;
}

async function time(times) {
  const start = process.hrtime.bigint();
  for (let count = 0; count < times; count += 1) {
    const response = await answer();
    if (response.status !== 200) throw new Error(`expected 200, found ${response.status}`);
  }
  return process.hrtime.bigint() - start;
}
