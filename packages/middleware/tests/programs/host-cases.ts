// The cases of the host suite on the server of another runtime, client and all: `bun` or `deno run` with this file, and
// with `--conditions=@ent/source`. Says which cases come out otherwise than host-differences.ts has it, and fails then.
import { declareCases } from '@ent/internal';
import { createFetchHandler } from '@ent/middleware/fetch';
import { replies } from '../support/hosts/app.ts';
import { answers } from '../support/hosts/cases/answers.ts';
import { bodies } from '../support/hosts/cases/bodies.ts';
import { errors } from '../support/hosts/cases/errors.ts';
import { hooks } from '../support/hosts/cases/hooks.ts';
import { keys } from '../support/hosts/cases/keys.ts';
import { sockets } from '../support/hosts/cases/sockets.ts';
import { streams } from '../support/hosts/cases/streams.ts';
import type { Features } from '../support/hosts/host.ts';
import { type Ended, middlewares, Tools } from '../support/hosts/tools.ts';
import { differences } from './host-differences.ts';

/** The smallest part of what these runtimes have. */
declare const Bun:
  | {
      serve(options: object): { readonly port: number; stop(now: boolean): unknown };
    }
  | undefined;
declare const Deno:
  | {
      serve(options: object, handler: unknown): { readonly addr: { readonly port: number }; shutdown(): unknown };
      exit(code: number): never;
    }
  | undefined;

/** A busy machine is slow. What is known to differ by hanging is not waited for. */
const [CASE_MS, KNOWN_MS] = [60_000, 2000];
const features: Features = { targets: 'as a URL', refusesBadEncoding: false, noted: true, shapes: 'all' };
const ended: Ended[] = [];
const middleware = middlewares(ended);

function startBun(): number {
  const fetch = createFetchHandler<[{ requestIP(request: Request): { address: string } | null }]>(replies, {
    middleware,
    peer: (request, server) => server.requestIP(request)?.address,
  });
  return Bun!.serve({ fetch, port: 0, hostname: '127.0.0.1', idleTimeout: 0 }).port;
}

function startDeno(): number {
  const fetch = createFetchHandler<[{ readonly remoteAddr: { readonly hostname: string } }]>(replies, {
    middleware,
    peer: (_request, info) => info.remoteAddr.hostname,
  });
  return Deno!.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, fetch).addr.port;
}

const port = typeof Bun === 'undefined' ? startDeno() : startBun();
const waiting: [name: string, run: () => Promise<void>][] = [];
for (const [group, cases] of Object.entries({ answers, errors, hooks, keys, bodies, streams, sockets })) {
  const it = (name: string, run: () => Promise<void>): void => void waiting.push([`${group}: ${name}`, run]);
  declareCases({ it }, features, cases, async (run) => {
    const tools = new Tools(features, port, ended);
    try {
      await run(tools);
    } finally {
      tools.closeAll();
    }
  });
}
const runtime = typeof Bun === 'undefined' ? 'Deno' : 'Bun';
const known = differences[runtime];
const wrong: string[] = [];
for (const [name, run] of waiting) {
  const ms = Object.hasOwn(known, name) ? KNOWN_MS : CASE_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${ms} ms`)), ms);
  });
  const error = await Promise.race([run(), late]).then(
    () => undefined,
    (reason: unknown) => String(reason).slice(0, 1000),
  );
  clearTimeout(timer);
  if (error === undefined && Object.hasOwn(known, name)) wrong.push(`${name}: passes, and is said to differ`);
  if (error !== undefined && !Object.hasOwn(known, name)) wrong.push(`${name}: ${error}`);
}
const unknown = Object.keys(known).filter((name) => !waiting.some(([each]) => each === name));
wrong.push(...unknown.map((name) => `${name}: there is no such case`));
for (const each of wrong) console.log(each);
console.log(`${runtime}: ${waiting.length} cases, ${Object.keys(known).length} known to differ, ${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);
