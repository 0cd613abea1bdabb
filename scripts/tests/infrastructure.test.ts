// What stands in mcp-config.json, and which scripts can be run. docker-compose.yml has a check of its own.
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = (file: string): string => readFileSync(new URL(file, root), 'utf8');

/** The settings of `.env.example`, without quotes. */
const example = new Map(
  [...text('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [
    name as string,
    (value as string).replace(/^'(.*)'$/, '$1'),
  ]),
);

describe('mcp-config.json', () => {
  const { mcpServers } = JSON.parse(text('mcp-config.json')) as {
    readonly mcpServers: Readonly<Record<string, { command: string; args: string[]; env: Record<string, string> }>>;
  };

  it.each(Object.entries(mcpServers))('%s has an exact version, and its URLs from the environment', (_name, server) => {
    const { command, args, env } = server;
    // A package of npm, or the program of this repository.
    if (command === 'npx') expect(args.join(' ')).toMatch(/(^| )(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+( |$)/);
    else {
      expect([command, ...args]).toEqual(['node', '--conditions=@ent/source', 'packages/mcp/src/cli.ts', args.at(-1)]);
      expect(text('packages/mcp/src/cli.ts')).toContain(`ent-mcp ${args.at(-1)} `);
    }
    expect(JSON.stringify(server)).not.toMatch(/:\/\//);
    const variables = [...JSON.stringify(env).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name as string);
    expect(variables.length).toBeGreaterThan(0);
    for (const name of variables) {
      const { hostname, username } = new URL(example.get(name) as string);
      expect([hostname, username]).toEqual(['127.0.0.1', 'ent_readonly']);
    }
  });

  it('starts servers that can only read', () => {
    expect(mcpServers['mongodb']?.args).toContain('--readOnly');
    const config = mcpServers['postgres']?.args.find((arg) => arg.startsWith('--config='))?.slice('--config='.length);
    expect(text(config as string)).toMatch(/name = "execute_sql"\nsource = "postgres"\nreadonly = true\n/);
  });
});

describe('the scripts', () => {
  it.each([
    'scripts/install-services.sh',
    'scripts/start-all.sh',
    'infrastructure/mongodb/start.sh',
    'infrastructure/postgres/10-readonly.sh',
    'infrastructure/rabbitmq/health.sh',
  ])('%s can be executed', (file) => {
    expect(statSync(fileURLToPath(new URL(file, root))).mode & 0o111).toBe(0o111);
  });
});
