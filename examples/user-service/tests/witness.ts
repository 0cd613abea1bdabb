// Users who change all the time, and what they were told: held against what is stored, and against the events.
import assert from 'node:assert/strict';
import { openDatabase } from '@ent/database/open';
import { openMessaging } from '@ent/messaging/open';
import { type Server, writtenDown } from '@ent/testkit';
import { users } from '../src/users/user.ts';
import { type Client, type Tokens, client } from './client.ts';

/** A user whose names are numbers that grow. */
interface Person {
  readonly id: string;
  tokens: Tokens;
  /** The last name that was sent, and the last one that the service has said it has. */
  tried: number;
  acknowledged: number;
}

export type Witness = Awaited<ReturnType<typeof openWitness>>;

/**
 * Registers users, and hears of them from then on.
 *
 * @param servers straight, and not by the proxies that go dark
 */
export async function openWitness(api: Client, servers: { database: Server; broker: Server }, count: number) {
  const messaging = await openMessaging(servers.broker.url, { source: 'witness', timeout: '2m' });
  /** The events of each version of a user, by their ids: what comes twice is one. */
  const told = new Map<string, Map<number, Set<string>>>();
  for (const topic of ['user.created', 'user.updated', 'user.deleted']) {
    await messaging.subscribe(topic, { group: 'witness' }, ({ id, data }) => {
      const { userId, version } = data as { userId: string; version: number };
      const versions = told.get(userId) ?? new Map<number, Set<string>>();
      told.set(userId, versions.set(version, (versions.get(version) ?? new Set()).add(id)));
    });
  }
  await writtenDown(servers.broker);
  const persons: Person[] = [];
  for (let n = 0; n < count; n++) {
    const { id, tokens } = await api.newUser('0');
    persons.push({ id, tokens, tried: 0, acknowledged: 0 });
  }
  const pathOf = ({ id }: Person): string => `/api/v1/users/${id}`;
  const shownBy = async (from: Client, one: Person): Promise<unknown> =>
    (await from.call('GET', pathOf(one), { token: one.tokens.access_token })).body;

  return {
    persons,
    /** Gives a user the next name; what the service said, or undefined where it said nothing. */
    async write(person: Person, to: Client) {
      const name = String(++person.tried);
      const { access_token: token } = person.tokens;
      const answer = await to.call('PUT', pathOf(person), { token, body: { name } }).catch(() => undefined);
      if (answer?.status === 200) person.acknowledged = person.tried;
      return answer;
    },
    /** Renews a session; who gets no answer asks again with the same token, as clients do. */
    async renew(person: Person, at: Client) {
      const answer = await at.refresh(person.tokens.refresh_token).catch(() => undefined);
      if (answer?.status === 200) person.tokens = answer.body;
      return answer;
    },
    /** Rejects with what is not as the users were told. All parts have to be there. */
    async verify(instances: readonly Client[]): Promise<void> {
      const db = await openDatabase(servers.database.url);
      try {
        for (const person of persons) {
          const stored = await db.repo(users).get(person.id);
          const name = Number(stored?.name);
          const { tried, acknowledged } = person;
          assert.ok(name >= acknowledged && name <= tried, `${name} is stored; ${acknowledged} of ${tried} was told`);
          for (const instance of instances) {
            const shown = await shownBy(instance, person);
            assert.equal((shown as { name?: string }).name, String(name), `shown is ${JSON.stringify(shown)}`);
          }
          const version = stored?.version as number;
          const versions = (): number[] => [...(told.get(person.id)?.keys() ?? [])].sort((a, b) => a - b);
          const expected = Array.from({ length: version }, (_, n) => n + 1);
          const end = performance.now() + 180_000;
          while (versions().length < version && performance.now() < end)
            await new Promise((done) => setTimeout(done, 100));
          assert.deepEqual(versions(), expected, 'each version has its event');
          for (const ids of told.get(person.id)?.values() ?? [])
            assert.equal(ids.size, 1, 'one event tells of a version');
        }
      } finally {
        await db.close();
      }
    },
    close: () => messaging.close({ timeout: 1 }),
  };
}

/** A client of each instance. */
export const clientsOf = (urls: readonly string[]): Client[] => urls.map((url) => client(url));
