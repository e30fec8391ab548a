import { auth0 } from '../../lib/auth0';

export default async function Me() {
  const session = await auth0.getSession();
  return (
    <main>
      <span id="who">{session?.user?.email ?? 'nobody'}</span>
    </main>
  );
}
