import Credentials from '@auth/express/providers/credentials';

export const config = {
  session: { strategy: 'jwt' },
  providers: [
    Credentials({
      credentials: { email: {} },
      authorize: ({ email }) => ({ id: email, email, name: email }),
    }),
  ],
};
