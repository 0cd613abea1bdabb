import { createClient } from 'redis';

/**
 * Sends one command to one Redis server or sentinel. Its nested replies are
 * more than the plain pings elsewhere can read.
 */
export async function redisCommand<Reply>(url: string, ...command: [string, ...string[]]): Promise<Reply> {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false, connectTimeout: 2000 } });
  client.on('error', () => {}); // the rejected command tells
  await client.connect();
  try {
    return await client.sendCommand<Reply>(command);
  } finally {
    client.destroy();
  }
}

/** The value of a line `name:value` in the text that INFO and CLUSTER INFO answer. */
export function infoField(info: string, name: string): string | undefined {
  return info
    .split('\r\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1);
}
