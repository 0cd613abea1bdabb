// A real OpenSearch takes the service's own lines as infrastructure/ says that they are stored: none is refused, and no
// field is of two types. What Elasticsearch alone has (ECS's own mappings, ILM) is left out of its template for that.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultProxy } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client, newEmail } from './client.ts';
import { infrastructure } from './prometheus.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

interface Template {
  composed_of?: string[];
  template: { settings: Record<string, unknown> };
}

const read = (path: string): string => readFileSync(join(infrastructure, path), 'utf8');

/** The templates, as OpenSearch can have them. */
function templates(): [string, Template][] {
  const { composed_of: _, ...ours } = JSON.parse(read('elasticsearch/logs-template.json')) as Template;
  delete ours.template.settings['index.lifecycle.name'];
  return [
    ['opensearch', JSON.parse(read('opensearch/logs-template.json')) as Template],
    ['elasticsearch', ours],
  ];
}

/** The saved views: their columns, and what they search for. */
function views(): { title: string; columns: string[]; query: string }[] {
  interface Saved {
    type: string;
    attributes: { title: string; columns: string[]; kibanaSavedObjectMeta: { searchSourceJSON: string } };
  }
  const saved = read('kibana/logs.ndjson')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Saved);
  return saved
    .filter(({ type }) => type === 'search')
    .map(({ attributes: { title, columns, kibanaSavedObjectMeta } }) => {
      const source = JSON.parse(kibanaSavedObjectMeta.searchSourceJSON) as { query: { query: string } };
      // Both languages understand these, once "or" is in capitals.
      return { title, columns, query: source.query.query.replaceAll(' or ', ' OR ') };
    });
}

describeWithServer('opensearch', (opensearch) => {
  describeWithServer('postgres', (postgres) => {
    const folder = temporaryFolder();
    let database: FaultProxy;
    let service: Service;
    let lines: string[];

    beforeAll(async () => {
      database = await postgres.proxy();
      const env = { DATABASE_URL: database.url, LOG_FORMAT: 'ecs', LOG_LEVEL: 'debug' };
      service = await start(folder.path, settings(folder.path, env));
      const { call, newUser } = client(service.url);
      const { id, token } = await newUser();
      const user = `/api/v1/users/${id}`;
      await call('PUT', user, { token, body: { name: 'Ada' } });
      await call('PUT', user, { token, body: { name: 1 } });
      await call('GET', '/nowhere');
      await call('GET', user);
      await call('POST', '/api/v1/auth/login', { body: { email: newEmail(), password: 'not this one' } });
      await database.refuse();
      expect(await call('GET', user, { token })).toMatchObject({ status: 503 });
      await database.heal();
      await service.stop();
      lines = service
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'));
    });
    afterAll(async () => {
      await service?.kill();
      await database?.close();
      folder.remove();
    });

    describe.each(templates())('the lines, by the template for %s', (_name, template) => {
      const stream = 'logs-ent-default';
      const ask = async <T>(method: string, path: string, body?: string): Promise<T> => {
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${opensearch.url}/${path}`, { method, headers, ...(body && { body }) });
        const told = await answer.text();
        expect(answer.status, told).toBeLessThan(300);
        return JSON.parse(told) as T;
      };
      const index = async (some: readonly string[], into = stream): Promise<void> => {
        const body = some.map((line) => `{"create":{}}\n${line}\n`).join('');
        const { items } = await ask<{ items: object[] }>('POST', `${into}/_bulk?refresh=true`, body);
        expect(items).toEqual(some.map(() => ({ create: expect.objectContaining({ status: 201 }) as object })));
      };

      beforeAll(async () => {
        await ask('PUT', '_index_template/logs-ent', JSON.stringify(template));
        // The field that comes first says what it is: once in this order, once in the other.
        await index(lines);
        await ask('POST', `${stream}/_rollover`);
        await index(lines.toReversed());
      });
      afterAll(() => ask('DELETE', `_data_stream/${stream}`));

      it('are all there', async () => {
        expect(lines.length).toBeGreaterThan(15);
        const { count } = await ask<{ count: number }>('GET', `${stream}/_count`);
        expect(count).toBe(2 * lines.length);
      });

      it('have fields of one type each, and numbers and times where they are counted', async () => {
        const { fields } = await ask<{ fields: Record<string, object> }>('GET', `${stream}/_field_caps?fields=*`);
        expect(Object.entries(fields).filter(([, types]) => Object.keys(types).length > 1)).toEqual([]);
        const typeOf = (name: string): string | undefined => Object.keys(fields[name] ?? {})[0];
        expect(typeOf('@timestamp')).toBe('date');
        for (const name of ['event.duration', 'http.response.status_code']) expect(typeOf(name), name).toBe('long');
        for (const name of ['log.level', 'labels.applied', 'http.request.id', 'service.name'])
          expect(['keyword', 'text'], name).toContain(typeOf(name));
      });

      it('are taken whatever a label holds', async () => {
        const some = [{ deep: { er: 1 } }, null, 7, 0.5, true, ['a text', { deep: 1 }], 'a text'].map((seen) =>
          JSON.stringify({ '@timestamp': new Date(), message: 'odd', 'labels.seen': seen }),
        );
        // The first one says what the label is, so it comes alone.
        for (const [name, order] of [
          ['logs-ent-odd-1', some],
          ['logs-ent-odd-2', some.toReversed()],
        ] as const) {
          await index(order.slice(0, 1), name);
          await index(order.slice(1), name);
        }
        await ask('DELETE', '_data_stream/logs-ent-odd-*');
      });

      it('are beside what is no line of a service, which has a time of the Collector', async () => {
        const last = { message: 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory' };
        await index([JSON.stringify({ ...last, '@timestamp': '2023-11-14T22:13:20Z' })], 'logs-ent-last');
        const bare = `{"create":{}}\n${JSON.stringify(last)}\n`;
        const { items } = await ask<{ items: object[] }>('POST', 'logs-ent-last/_bulk', bare);
        expect(items).toEqual([{ create: expect.objectContaining({ status: 400 }) as object }]);
        await ask('DELETE', '_data_stream/logs-ent-last');
      });

      it('are found by the saved views, whose columns they have', async () => {
        const { fields } = await ask<{ fields: object }>('GET', `${stream}/_field_caps?fields=*`);
        for (const { title, columns, query } of views()) {
          const { count } = await ask<{ count: number }>('GET', `${stream}/_count?q=${encodeURIComponent(query)}`);
          expect(count, title).toBeGreaterThan(0);
          for (const column of columns) expect(fields, title).toHaveProperty([column]);
        }
      });
    });
  });
});
