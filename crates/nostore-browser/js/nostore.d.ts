// Types of nostore.js.

/** Whose session is kept, and how. */
export interface SessionOptions {
  /** The publishable key of the instance: `pk_test_…` or `pk_live_…`. */
  publishableKey: string;
  /** The origin of the Frontend API. Default: the one that the key names. */
  frontendApi?: string;
  /** The session to keep. Default: the one that the site's cookie names. */
  session?: string;
  /** The organization to keep; `null` is the personal workspace. Default: the one that is active in the session. */
  organization?: string | null;
  /** Whether to keep the cookie `__session` fresh. Default: true. */
  cookie?: boolean;
  /** Whether that cookie is partitioned (CHIPS). Default: false. */
  partitioned?: boolean;
  /** Whether to look at the token every 1.5 s in focus and every 5 s elsewhere. Default: true. */
  poll?: boolean;
  /** So many milliseconds before its end a token is refreshed behind. Default: 15 s, or a quarter of its life. */
  backgroundRefreshThreshold?: number;
  /** Where nostore.wasm is. Default: beside this module. */
  wasm?: string | URL;
}

/** Which token, and how fresh. */
export interface TokenOptions {
  /** The template for its claims. */
  template?: string;
  /** The organization; `null` is the personal workspace. Default: the one that is active in the session. */
  organization?: string | null;
  /** Fetch one of your own, whatever there is. */
  skipCache?: boolean;
  /** Wait for a fresh one where the one there is stale. */
  refreshIfStale?: boolean;
  /** A threshold of this call's. */
  backgroundRefreshThreshold?: number;
}

/** What happens to a session. */
export interface SessionEvents {
  /** Its token is another one. */
  token: (token: string) => void;
  /** It is over; its identifier. */
  ended: (session: string) => void;
  /** Something did not work, and is tried again. */
  degraded: (error: SessionError) => void;
}

/** A session of one tab. */
export interface Session {
  /** Its identifier; `null` while nobody is signed in. */
  readonly id: string | null;
  /** The token: at once while a good one is there. `null`: nobody is signed in. */
  getToken(options?: TokenOptions): Promise<string | null>;
  /** The token that is there, without waiting and without a request. */
  peek(options?: Pick<TokenOptions, 'template' | 'organization'>): string | null;
  /** Signs out, in every tab. Rejected where the service could not be told; the tabs are signed out all the same. */
  signOut(): Promise<void>;
  /** Makes another organization active; `null` is the personal workspace. */
  setOrganization(organization: string | null): Promise<void>;
  /** Says what the instance's environment asks for. */
  configure(environment: { partitioned?: boolean }): void;
  /** Listens. Returns what takes the listener off again. */
  on<E extends keyof SessionEvents>(event: E, listener: SessionEvents[E]): () => void;
  /** Ends the keeping: no timer, no request, no message any more. The user stays signed in. */
  stop(): void;
}

/** Why something did not work. */
export class SessionError extends Error {
  /** Stable: `token-offline`, `token-transient`, `options-publishable-key`, … */
  readonly code: string;
}

/** Starts keeping a session's token fresh. */
export function startSession(options: SessionOptions): Promise<Session>;
