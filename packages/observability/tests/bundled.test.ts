// Traces, metrics and ids in log lines without a loader hook, where nothing can be patched: in a program of Node.js as
// it is, and in a bundle, with OpenTelemetry set up beside it or in it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';

interface Sent {
  readonly spans: readonly { name: string; kind: number; traceId: string; spanId: string; parent?: string }[];
  readonly metrics: readonly string[];
}
interface Line {
  readonly message: string;
  readonly 'trace.id'?: string;
  readonly 'span.id'?: string;
}

const program = (name: string): string => join(import.meta.dirname, 'programs', `${name}.ts`);
const setup = pathToFileURL(program('otel-preload')).href;

/** Runs a program; what it printed, each line as it is. */
async function run(folder: string | undefined, ...args: string[]): Promise<object[]> {
  const options = { ...(folder !== undefined && { cwd: folder }), env: { PATH: process.env['PATH'] ?? '' } };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
}

async function bundle(name: string, format: 'esm' | 'cjs'): Promise<{ folder: string; file: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'ent-bundle-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs');
  await build({
    entryPoints: [program(name)],
    outfile: file,
    bundle: true,
    minify: true,
    platform: 'node',
    format,
    conditions: ['@ent/source'],
    logLevel: 'silent',
    ...(format === 'esm' && {
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    }),
  });
  return { folder, file };
}

const HOW: Readonly<Record<string, () => Promise<object[]>>> = {
  'as it is': () => run(undefined, '--conditions=@ent/source', program('traced-app')),
  'in a bundle of ES modules, with OpenTelemetry in it': async () => {
    const { folder, file } = await bundle('traced-app', 'esm');
    return run(folder, file);
  },
  'in a bundle of CommonJS, with OpenTelemetry in it': async () => {
    const { folder, file } = await bundle('traced-app', 'cjs');
    return run(folder, file);
  },
  'in a bundle, with OpenTelemetry loaded before it': async () => {
    const { folder, file } = await bundle('traced-bare', 'esm');
    return run(folder, '--import', setup, file);
  },
};

describe.each(Object.keys(HOW))('a service that runs %s', (how) => {
  it('has one trace with nested spans, the ids in its lines, the baggage of its caller, and metrics', async () => {
    const printed = await (HOW[how] as () => Promise<object[]>)();
    const { spans, metrics } = printed.at(-1) as Sent;
    const parentOf = (name: string): string | undefined => {
      const span = spans.find((each) => each.name === name);
      return spans.find(({ spanId }) => spanId === span?.parent)?.name;
    };
    expect(new Set(spans.map(({ traceId }) => traceId)).size, JSON.stringify(spans)).toBe(1);
    expect(parentOf('cache get')).toBe('GET /front');
    expect(parentOf('cache load')).toBe('GET /front');
    expect(parentOf('GET /back')).toBe('GET');
    const [client] = spans.filter(({ name, parent }) => name === 'GET' && parent !== undefined);
    expect(spans.find(({ spanId }) => spanId === client?.parent)?.name).toBe('cache load');

    const lines = printed as Line[];
    for (const [message, name] of [
      ['asked in front', 'GET /front'],
      ['asked behind', 'GET /back'],
    ]) {
      const span = spans.find((each) => each.name === name);
      const line = lines.find((each) => each.message === message);
      expect(line, message).toMatchObject({ 'trace.id': span?.traceId, 'span.id': span?.spanId });
    }
    expect(printed).toContainEqual({ answer: { baggage: 'tenant=acme' } });
    expect(metrics).toEqual(
      expect.arrayContaining(['http.server.request.duration', 'http.client.request.duration', 'ent.cache.requests']),
    );
  }, 60_000);
});
