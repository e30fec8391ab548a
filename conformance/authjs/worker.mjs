// Seals and opens sessions with Auth.js, one JSON request per line in, one JSON answer per line out.
//
// Cookies are joined and cut by Auth.js's own code as well, which it does not export: hence the paths.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import * as version5 from '@auth/core/jwt';
import { SessionStore as Store5 } from './node_modules/@auth/core/lib/utils/cookie.js';

const require = createRequire(import.meta.url);
const version4 = require('next-auth/jwt');
const { SessionStore: Store4 } = require('./node_modules/next-auth/core/lib/cookie.js');

const logger = { debug() {}, warn() {}, error() {} };

const operations = {
  // Sets a session in a browser that has these cookies: what it is told to keep, and what to drop.
  async seal({ version, secrets, name, claims, maxAge, cookies }) {
    const [jwt, store] =
      version === 4
        ? [version4, new Store4({ name, options: {} }, { cookies: Object.fromEntries(cookies) }, logger)]
        : [version5, new Store5({ name, options: {} }, Object.fromEntries(cookies), logger)];
    const token = await jwt.encode({ token: claims, secret: version === 4 ? secrets[0] : secrets, maxAge, ...salt(version, name) });
    const lines = store.chunk(token, {});
    return {
      set: lines.filter((line) => line.value !== '').map((line) => [line.name, line.value]),
      dropped: lines.filter((line) => line.value === '').map((line) => line.name),
    };
  },

  // Reads the session of a request with these cookies, in the order in which they are sent.
  async open({ version, secrets, name, cookies }) {
    if (version === 4) {
      const req = { cookies: Object.fromEntries(cookies), headers: {} };
      return { claims: await version4.getToken({ req, cookieName: name, secret: secrets[0], logger }) };
    }
    const cookie = cookies.map((pair) => pair.join('=')).join('; ');
    return { claims: await version5.getToken({ req: { headers: { cookie } }, cookieName: name, secret: secrets, logger }) };
  },
};

// Version 4 has one key for all names.
function salt(version, name) {
  return version === 4 ? {} : { salt: name };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer;
  try {
    const request = JSON.parse(line);
    answer = await operations[request.op](request);
  } catch (error) {
    answer = { error: `${error?.name}: ${error?.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
