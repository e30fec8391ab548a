import * as mended from 'auth0-mended/server';
import * as vulnerable from 'auth0-vulnerable/server';

// The one line that a site would not have: which release of the SDK it runs with.
const { Auth0Client } = process.env.SITE_AUTH0 === 'mended' ? mended : vulnerable;

// The provider is on this machine, on plain HTTP, which Auth0 itself never is.
export const auth0 = new Auth0Client({
  domain: process.env.NOSTORE_OIDC_ISSUER,
  clientId: process.env.NOSTORE_OIDC_CLIENT_ID,
  clientSecret: process.env.NOSTORE_OIDC_CLIENT_SECRET,
  appBaseUrl: process.env.NOSTORE_ORIGIN,
  secret: process.env.AUTH0_SECRET,
  allowInsecureRequests: true,
});
