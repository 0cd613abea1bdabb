import assert from 'node:assert/strict';
import { until } from '@ent/internal';
import { closed, isShut, open } from '../app.ts';
import type { HostCase } from '../case.ts';
import { newId } from '../tools.ts';

const gate = (id: string, rest = ''): string =>
  `GET /gate?${id} HTTP/1.1\r\nHost: a\r\nx-request-id: ${id}\r\n${rest}\r\n`;

export const streams: readonly HostCase[] = [
  {
    name: 'leave with their first bytes, and the exchange ends with their last',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.send(gate(id, 'Connection: close\r\n'));
      await client.sees(/^HTTP\/1\.1 200 [^]*x-mark: 200[^]*first/i);
      await until(() => isShut(id), 'the gate');
      assert.equal(tools.hasEnded(id), false);
      open(id);
      assert.match(await client.end(), /first[^]*second/);
      assert.deepEqual([(await tools.ended(id)).aborted, closed.includes(id)], [false, true]);
    },
  },
  {
    name: 'are closed when the client leaves',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.send(gate(id));
      await client.sees(/first/);
      await until(() => isShut(id), 'the gate');
      client.cut();
      const ended = await tools.ended(id);
      assert.deepEqual([ended.status, ended.aborted], [200, true]);
      // A generator that waits hears it when it goes on.
      open(id);
      await until(() => closed.includes(id), 'the source to be closed');
    },
  },
  {
    name: 'that fail cut the connection, so that nobody takes the half for the whole',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.send(`GET /half?${id} HTTP/1.1\r\nHost: a\r\nx-request-id: ${id}\r\n\r\n`);
      await client.sees(/^HTTP\/1\.1 200 [^]*half/);
      await until(() => isShut(id), 'the gate');
      open(id);
      assert.doesNotMatch(await client.end(), /\r\n0\r\n\r\n$|disk gone/);
      const ended = await tools.ended(id);
      assert.equal(ended.aborted, true);
      if (tools.features.noted) assert.equal((ended.error as Error).message, 'disk gone');
      await tools.lives();
    },
  },
  {
    name: 'wait for a client that does not read, and hear that it left',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      client.socket.once('data', () => client.socket.pause());
      await client.send(`GET /huge HTTP/1.1\r\nHost: a\r\nx-request-id: ${id}\r\n\r\n`);
      await client.sees(/^HTTP\/1\.1 200 /);
      client.cut();
      const ended = await tools.ended(id);
      assert.deepEqual([ended.status, ended.aborted], [200, true]);
    },
  },
  {
    name: 'many at once, each to its own',
    async run(tools) {
      const ids = Array.from({ length: 20 }, newId);
      const asked = ids.map((id) => tools.ask(`GET /gate?${id}`, { id }));
      await until(() => ids.every(isShut), 'all gates');
      ids.toReversed().forEach(open);
      const seen = await Promise.all(asked);
      assert.deepEqual(
        seen.map(({ text, headers }) => [text, headers.get('x-request-id')]),
        ids.map((id) => ['firstsecond', id]),
      );
    },
  },
];
