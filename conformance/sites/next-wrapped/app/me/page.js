import { auth } from '../../auth';

export default async function Me() {
  const session = await auth();
  return (
    <main>
      <span id="who">{session?.user?.email ?? 'nobody'}</span>
    </main>
  );
}
