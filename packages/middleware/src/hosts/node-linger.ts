import type { IncomingMessage, ServerResponse } from 'node:http';

// Up to here node's own discarding is fine: a body this small has mostly arrived already, and the connection lives on.
const SMALL_REST = 1024 * 1024;
/** How long the rest of a refused body is thrown away before the connection is closed. */
const LINGER_MS = 2000;

/** How long the names are of the headers that declare a body. */
const FRAMING: ReadonlySet<number> = new Set(['content-length'.length, 'transfer-encoding'.length]);

/** Whether an answer now would leave more of the request unread than is worth waiting for. */
export function bodyLeft(req: IncomingMessage): boolean {
  if (req.complete) return false;
  // The names as they came, since `req.headers` is made when somebody asks for it.
  const { rawHeaders } = req;
  let at = 0;
  while (at < rawHeaders.length && !FRAMING.has((rawHeaders[at] as string).length)) at += 2;
  if (at >= rawHeaders.length) return false;
  const length = req.headers['content-length'];
  if (length !== undefined) return Number(length) > SMALL_REST;
  // Chunked: unbounded. Only when reading began is it known that there is more than a first packet.
  return req.headers['transfer-encoding'] !== undefined && req.readableDidRead;
}

/**
 * Sends the whole answer, but ends the response only when the client stopped sending, or after two seconds.
 *
 * Closing a socket that has unread data makes the kernel send RST, and a client that is still uploading then loses the
 * 413 that says why. So the answer goes out, what arrives meanwhile is thrown away, and the connection closes after.
 */
export function linger(req: IncomingMessage, res: ServerResponse, body: string | Uint8Array | undefined): void {
  if (body !== undefined) res.write(body);
  else res.flushHeaders();
  const finish = (): void => {
    clearTimeout(timer);
    req.off('end', finish).off('close', finish);
    if (!res.writableEnded) res.end();
  };
  const timer = setTimeout(finish, LINGER_MS);
  req.once('end', finish).once('close', finish);
  req.resume();
}
