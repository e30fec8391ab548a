import { auth } from './auth';
import { withNoStore } from './nostore';

export default withNoStore(auth);
export const config = { matcher: ['/((?!_next/static|_next/image|favicon.ico).*)'] };
