import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = new URL('../../../', import.meta.url);
const text = (file: string): string => readFileSync(new URL(file, root), 'utf8');

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[];
  readonly restart: string;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly environment?: Readonly<Record<string, string>>;
}

const compose = parse(text('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);

/** The settings of `.env.example`, without quotes. */
const example = new Map(
  [...text('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [
    name as string,
    (value as string).replace(/^'(.*)'$/, '$1'),
  ]),
);

describe('docker-compose.yml', () => {
  it('has one server for each driver', () => {
    const images = services.map(([name, { image }]) => `${name} ${image.split('.')[0]}`);
    expect(images.sort()).toEqual([
      'memcached memcached:1',
      'mongodb mongo:7',
      'mysql mysql:8',
      'postgres postgres:16',
      'rabbitmq rabbitmq:3',
      'redis redis:7',
    ]);
    expect(compose.services['rabbitmq']?.image).toMatch(/-management$/);
    expect(JSON.stringify(compose.services['mongodb'])).toContain('--replSet=rs0');
  });

  it.each(services)('%s has an exact version, a health check, a restart policy and the network', (_name, service) => {
    expect(service.image).toMatch(/:\d+\.\d+\.\d+(-\w+)?$|:\d+\.\d+-bookworm$/);
    expect(service.healthcheck.test[0]).toBe('CMD-SHELL');
    expect(service.restart).toBe('unless-stopped');
    expect(service.networks).toEqual(['ent']);
    expect(Object.keys(compose.networks)).toEqual(['ent']);
  });

  it.each(services)('%s listens on the loopback address alone', (_name, { ports }) => {
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{\w+_PORT:-\d+\}:\d+$/);
  });

  it('keeps data in volumes, and mounts configuration read-only from infrastructure/', () => {
    const named: string[] = [];
    for (const mount of services.flatMap(([, { volumes = [] }]) => volumes)) {
      const [source, , mode] = mount.split(':') as [string, string, string?];
      if (!source.startsWith('.')) {
        named.push(source);
        continue;
      }
      expect(source).toMatch(/^\.\/infrastructure\//);
      expect(mode).toBe('ro');
      expect(existsSync(new URL(source, root)), source).toBe(true);
    }
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
    const withoutData = services.filter(([, { volumes = [] }]) => !volumes.some((mount) => !mount.startsWith('.')));
    expect(withoutData.map(([name]) => name)).toEqual(['memcached']);
  });

  it('has the same defaults as .env.example, and no other settings', () => {
    const defaults = new Map(
      [...text('docker-compose.yml').matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name, value]) => [
        name as string,
        value,
      ]),
    );
    const documented = [...example].filter(([name]) => !name.startsWith('ENT_MCP_'));
    expect([...defaults].sort()).toEqual(documented.sort());
  });
});

describe('mcp-config.json', () => {
  const { mcpServers } = JSON.parse(text('mcp-config.json')) as {
    readonly mcpServers: Readonly<Record<string, { command: string; args: string[]; env: Record<string, string> }>>;
  };

  it.each(Object.entries(mcpServers))('%s has an exact version, and its URL from the environment', (_name, server) => {
    expect(server.command).toBe('npx');
    expect(server.args.join(' ')).toMatch(/(^| )(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+( |$)/);
    expect(JSON.stringify(server)).not.toMatch(/:\/\//);
    const variables = [...JSON.stringify(server.env).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name as string);
    expect(variables).toHaveLength(1);
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
  ])('%s can be executed', (file) => {
    expect(statSync(fileURLToPath(new URL(file, root))).mode & 0o111).toBe(0o111);
  });
});
