import { requestContext, requestId, securityHeaders } from '@ent/middleware';

/** What all programs of this folder put around their applications. */
export const middleware = [requestId(), requestContext(), securityHeaders()];

/** Says where a program listens, for whoever started it. */
export function listening(port: number): void {
  console.log(`http://127.0.0.1:${port}`);
}
