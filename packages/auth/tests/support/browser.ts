import type { TestProvider } from './provider.ts';

/**
 * A browser that logs in at a {@link TestProvider}: it follows its redirects, fills in its forms, and stops where the
 * provider sends it to another place.
 */
export class Browser {
  readonly #cookies = new Map<string, string>();
  readonly #server: TestProvider;
  readonly #account: string;

  constructor(server: TestProvider, account = 'ann') {
    this.#server = server;
    this.#account = account;
  }

  /** Where it ends up: the address of a callback. `abort` refuses at the first form. */
  async visit(url: string, how: 'agree' | 'abort' = 'agree'): Promise<string> {
    let next = new URL(url);
    for (let steps = 0; steps < 20; steps++) {
      if (next.origin !== this.#server.issuer) return next.href;
      const response = await this.#ask(next);
      const location = response.headers.get('location');
      if (location === null) {
        const page = await response.text();
        const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
        if (prompt === undefined) throw new Error(`A page without a form: ${page.replace(/<style[^]*?<\/style>/, '')}`);
        const body = new URLSearchParams({ prompt, login: this.#account, password: 'anything' });
        const abort = new URL(`${next.pathname}/abort`, next);
        const answer = how === 'abort' ? await this.#ask(abort) : await this.#ask(next, body);
        next = new URL(answer.headers.get('location') ?? '', next);
        continue;
      }
      next = new URL(location, next);
    }
    throw new Error('It goes round in circles.');
  }

  async #ask(url: URL, body?: URLSearchParams): Promise<Response> {
    const cookie = Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join('; ');
    const method = body === undefined ? 'GET' : 'POST';
    const response = await fetch(url, { method, redirect: 'manual', headers: { cookie }, body: body ?? null });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}
