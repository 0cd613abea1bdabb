import type { IncomingMessage, ServerResponse } from 'node:http';

/** Says "100 Continue" when somebody reads the body: after who calls and how much it is was looked at. */
export function continueWhenRead(req: IncomingMessage, res: ServerResponse): void {
  // Called with the request as `this` again.
  // oxlint-disable-next-line typescript/unbound-method
  const read = req._read;
  req._read = (size) => {
    req._read = read;
    // Node throws the body of an answered request away by reading it.
    if (!res.headersSent) res.writeContinue();
    read.call(req, size);
  };
}
