import { ExpressAuth, getSession } from '@auth/express';
import express from 'express';

import { config } from './auth.js';
import { rolling } from './rolling.js';

const app = express();
app.set('trust proxy', true);
app.use('/auth', ExpressAuth(config));

// Says nothing about caching.
app.get('/hello', async (request, response) => {
  const session = await getSession(request, config);
  response.send(`<p>Hello, <span id="who">${session?.user.email ?? 'nobody'}</span>.</p>`);
});

app.use(rolling);

app.get('/', (request, response) => {
  response.set('Cache-Control', 'public, max-age=60');
  response.send('<h1>The family tree</h1><p>A page for everybody.</p>');
});

app.get('/me', (request, response) => {
  response.set('Cache-Control', 'no-store');
  response.send(`<span id="who">${response.locals.session?.user.email ?? 'nobody'}</span>`);
});

app.listen(process.env.PORT);
