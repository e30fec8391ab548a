// Decides one request over and over, and tells how long that took.
//
// First line in: the request and the options; out: the status. Every further line: how many times; out: nanoseconds.
import { createInterface } from 'node:readline';
import { createClerkClient } from '@clerk/backend';

let decide;

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${decide ? await time(Number(line)) : await begin(JSON.parse(line))}\n`);
}

async function begin({ url, headers, ...options }) {
  const client = createClerkClient(options);
  const request = new Request(url, { headers });
  decide = () => client.authenticateRequest(request, options);
  const state = await decide();
  return state.status === 'signed-in' ? state.status : `${state.status}: ${state.reason} ${state.message}`;
}

async function time(times) {
  const start = process.hrtime.bigint();
  for (let count = 0; count < times; count += 1) {
    await decide();
  }
  return process.hrtime.bigint() - start;
}
