import { createHash } from 'node:crypto';

/** What runs a script. */
interface Scriptable {
  evalSha(sha: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
}

/** A Lua script of Redis, for one key or several of one slot. */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  /** Runs it by its digest; with its text where the server does not know it yet. */
  async run(client: Scriptable, key: string | string[], args: (string | Buffer)[]): Promise<unknown> {
    const options = { keys: typeof key === 'string' ? [key] : key, arguments: args };
    try {
      return await client.evalSha(this.#sha, options);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(this.#text, options);
    }
  }
}
