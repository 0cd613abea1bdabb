import type { LocalServer } from './local-server.ts';
import type { FaultProxy } from './proxy.ts';
import type { Server, ServerName } from './server.ts';

/** Several local servers that make one: what is done to the group is done to each member. */
export class ServerGroup implements Server {
  readonly name: ServerName;
  readonly killable = true;
  readonly #members: readonly LocalServer[];
  readonly #first: LocalServer;
  readonly #ready: () => Promise<void>;

  /**
   * @param members all of them; `first` is the one whose address stands for the group
   * @param ready waits until the members have found each other
   */
  constructor(name: ServerName, members: readonly LocalServer[], first: LocalServer, ready: () => Promise<void>) {
    this.name = name;
    this.#members = members;
    this.#first = first;
    this.#ready = ready;
  }

  get url(): string {
    return this.#first.url;
  }

  get host(): string {
    return this.#first.host;
  }

  get port(): number {
    return this.#first.port;
  }

  async stop(): Promise<void> {
    await this.#each((member) => member.stop());
  }

  async kill(): Promise<void> {
    await this.#each((member) => member.kill());
  }

  async start(): Promise<void> {
    await this.#each((member) => member.start());
    await this.#ready();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async pause(): Promise<void> {
    await this.#each((member) => member.pause());
  }

  async resume(): Promise<void> {
    await this.#each((member) => member.resume());
  }

  control(): Promise<void> {
    return Promise.reject(new Error('A group is controlled by its nodes.'));
  }

  logTail(lines = 10): string {
    return this.#members.map((member) => `--- ${member.url}\n${member.logTail(lines)}`).join('\n');
  }

  proxy(): Promise<FaultProxy> {
    return this.#first.proxy();
  }

  async close(): Promise<void> {
    await this.#each((member) => member.close());
  }

  async #each(work: (member: LocalServer) => Promise<void>): Promise<void> {
    await Promise.all(this.#members.map(work));
  }
}

/** Starts several servers at once; when one fails, none stays. */
export async function startTogether(starts: readonly Promise<LocalServer>[]): Promise<LocalServer[]> {
  const outcomes = await Promise.allSettled(starts);
  const started = outcomes.filter((outcome) => outcome.status === 'fulfilled').map((outcome) => outcome.value);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failed) return started;
  await closeAll(started);
  throw failed.reason;
}

/** Runs the last steps of a start; when they fail, the members are closed and their logs told. */
export async function orClose(members: readonly LocalServer[], steps: () => Promise<void>): Promise<void> {
  try {
    await steps();
  } catch (cause) {
    const tails = members.map((member) => `--- ${member.url}\n${member.logTail(5)}`).join('\n');
    await closeAll(members);
    throw new Error(`${String(cause)}\n${tails}`, { cause });
  }
}

async function closeAll(members: readonly LocalServer[]): Promise<void> {
  await Promise.all(members.map((member) => member.close()));
}
