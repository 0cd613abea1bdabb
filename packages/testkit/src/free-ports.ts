import { createServer } from 'node:net';

// Below what the system gives to sockets that ask for any port, and above what the servers of the testkit take: a port
// that was let go is still free when the program that it is for begins to listen.
const FIRST = 26_000;
const LAST = 32_767;

/** Different ports of the loopback interface that nobody has, for programs that must be told theirs. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (await canListen(port)) ports.add(port);
  }
  return [...ports];
}

/** Whether nobody listens there. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
