import { Auth, createActionURL, setEnvDefaults } from '@auth/core';

import { config } from './auth.js';

// Who is asking, and a session that begins anew with each page: what `getSession` of @auth/express finds out, without
// dropping the cookie that comes with it.
export async function rolling(request, response, next) {
  setEnvDefaults(process.env, config);
  const url = createActionURL('session', request.protocol, new Headers(request.headers), process.env, config);
  const answer = await Auth(new Request(url, { headers: { cookie: request.headers.cookie ?? '' } }), config);
  for (const cookie of answer.headers.getSetCookie()) response.append('Set-Cookie', cookie);
  response.locals.session = await answer.json();
  next();
}
