// What a person pastes to see the services work together; `npm run demo -- --walk` pastes it itself.
import { tmpdir } from 'node:os';
import { type Result, run } from '../lib/run.ts';

/** A step: what it shows, and the lines of a shell. */
export interface Step {
  readonly title: string;
  readonly lines: readonly string[];
}

/** The walk through a gateway. Later steps use what earlier ones put into variables. */
export function walkThrough(gateway: string): Step[] {
  const json = `-H 'content-type: application/json'`;
  const ada = `"email":"ada@example.com","password":"a long passphrase"`;
  return [
    {
      title: 'register, and log in',
      lines: [
        `curl -s ${gateway}/api/v1/users/ ${json} -d '{${ada},"name":"Ada"}'`,
        `login=$(curl -s ${gateway}/api/v1/auth/login ${json} -d '{${ada}}')`,
        `token=$(echo "$login" | sed 's/.*"access_token":"\\([^"]*\\).*/\\1/')`,
      ],
    },
    { title: 'see what is sold', lines: [`curl -s ${gateway}/api/v1/products/`] },
    {
      title: 'order it; the same key twice is one order',
      lines: [
        `order() { curl -s ${gateway}/api/v1/orders/ -H "authorization: Bearer $token" ${json} -H 'idempotency-key: my-first-order' -d '{"lines":[{"sku":"book","quantity":2}],"card":"tok_good"}'; }`,
        'order',
        `id=$(order | sed 's/.*"id":"\\([^"]*\\).*/\\1/')`,
      ],
    },
    {
      title: 'wait until stock and payment are there',
      lines: [
        `state() { curl -s ${gateway}/api/v1/orders/$id -H "authorization: Bearer $token" | sed 's/.*"state":"\\([^"]*\\).*/\\1/'; }`,
        'until [ "$(state)" = confirmed ]; do sleep 0.2; done; state',
      ],
    },
    {
      title: 'cancel it; the payment goes back, then the stock',
      lines: [
        `curl -s -X POST ${gateway}/api/v1/orders/$id/cancel -H "authorization: Bearer $token"`,
        'until [ "$(state)" = cancelled ]; do sleep 0.2; done; state',
      ],
    },
  ];
}

/** Pastes the steps into a shell, with a title before each. */
export function paste(steps: readonly Step[], timeoutMs: number): Promise<Result> {
  const script = steps.flatMap(({ title, lines }) => [`echo '# ${title}'`, ...lines.flatMap((line) => [line, 'echo'])]);
  return run('bash', ['-eu', '-c', script.join('\n')], { cwd: tmpdir(), timeoutMs });
}
