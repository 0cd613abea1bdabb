// What stands in mcp-config.json, how logs are stored, what images of the examples have, and which scripts can be run.
// docker-compose.yml and the overlays of Kubernetes have checks of their own.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { DASHBOARDS } from '../lib/dashboards.ts';
import { run } from '../lib/run.ts';

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

  it('has the versions of npm that scripts/install-services.sh installs, which tests speak to', () => {
    const named = JSON.stringify(mcpServers).matchAll(/"([^"]+@\d[\d.]+)"/g);
    const versions = [...named].map(([, version]) => version as string);
    expect(versions.length).toBeGreaterThan(0);
    const [, installed = ''] = /^readonly dbhub=(.*)$/m.exec(text('scripts/install-services.sh')) ?? [];
    expect(installed.split(' ').map((each) => each.replace(/^\w+=/, ''))).toEqual(versions);
  });

  it('starts servers that can only read', () => {
    expect(mcpServers['mongodb']?.args).toContain('--readOnly');
    const config = mcpServers['postgres']?.args.find((arg) => arg.startsWith('--config='))?.slice('--config='.length);
    expect(text(config as string)).toMatch(/name = "execute_sql"\nsource = "postgres"\nreadonly = true\n/);
  });
});

/** What setup.sh allows to whom, by the name of the role. */
function roles(): Record<string, object> {
  const setup = text('infrastructure/elasticsearch/setup.sh');
  const found = setup.matchAll(/_security\/role\/(\w+) (?:\\\n +)?'([^']+)'/g);
  return Object.fromEntries([...found].map(([, name = '', body = '']) => [name, JSON.parse(body) as object]));
}

// A real OpenSearch takes both templates: examples/user-service/tests/logs.test.ts. What only Elasticsearch has, and
// the plugin of OpenSearch for ages, are in no registry of packages; their official clients know the shape of them.
describe('how logs are stored', () => {
  it('is what the clients of Elasticsearch and OpenSearch have types for', async () => {
    // They take these for numbers; the plugin reads units.
    const units = /("min_(index_age|primary_shard_size)"): "\d+(d|gb)"/g;
    const ism = text('infrastructure/opensearch/logs-policy.json');
    expect(ism.match(units)).toHaveLength(2);
    const is = (file: string, type: string): string => `export default ${file.trim()} satisfies ${type};\n`;
    const openSearch = '@opensearch-project/opensearch/api';
    const files = {
      'ilm.ts': `import type { estypes } from '@elastic/elasticsearch';
        ${is(text('infrastructure/elasticsearch/logs-policy.json'), "Pick<estypes.IlmPutLifecycleRequest, 'policy'>")}`,
      'elasticsearch.ts': `import type { estypes } from '@elastic/elasticsearch';
        ${is(text('infrastructure/elasticsearch/logs-template.json'), "Omit<estypes.IndicesPutIndexTemplateRequest, 'name'>")}`,
      'ism.ts': `import type { PolicyEnvelope } from '${openSearch}/_types/ism._common.d.ts';
        ${is(ism.replaceAll(units, '$1: 1'), 'PolicyEnvelope')}`,
      'opensearch.ts': `import type { Indices_PutIndexTemplate_RequestBody as Body } from '${openSearch}/indices/putIndexTemplate.d.ts';
        ${is(text('infrastructure/opensearch/logs-template.json'), 'Body')}`,
      'roles.ts': `import type { estypes } from '@elastic/elasticsearch';
        ${is(JSON.stringify(Object.values(roles())), "Omit<estypes.SecurityPutRoleRequest, 'name'>[]")}`,
      // What has to be refused, so that the rest is known to be looked at.
      'wrong.ts': `import type { estypes } from '@elastic/elasticsearch';
        ${is('{ "policy": { "phases": { "hott": {} } } }', "Pick<estypes.IlmPutLifecycleRequest, 'policy'>")}`,
    };
    const folder = mkdtempSync(join(fileURLToPath(root), 'node_modules/.ent-types-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const [name, code] of Object.entries(files)) writeFileSync(join(folder, name), code);
    const compilerOptions = { module: 'nodenext', target: 'es2023', strict: true, skipLibCheck: true, noEmit: true };
    const more = { types: [], allowImportingTsExtensions: true };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, ...more }, files: Object.keys(files) }),
    );
    const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
    const { output } = await run(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: folder });
    expect(output.trim().split('\n')).toEqual([expect.stringMatching(/^wrong\.ts.*hott.*does not exist/)]);
  }, 60_000);

  it('is written by a user that can do nothing else, and read by one that can only read', () => {
    const { ent_logs: logs, ent_readonly: readonly } = roles();
    expect(logs).toEqual({ indices: [{ names: ['logs-ent-*'], privileges: ['auto_configure', 'create_doc'] }] });
    expect(JSON.stringify(readonly)).not.toMatch(/all|write|create|index"|manage|delete/);
    const users = [
      'infrastructure/otel-collector/config.yml',
      'infrastructure/grafana/provisioning/datasources/ent.yml',
    ].flatMap((file) => text(file).match(/(?<=(?:user|basicAuthUser): )\w+|ELASTICSEARCH_\w*PASSWORD/g) ?? []);
    expect(users).toEqual([
      'ent_logs',
      'ELASTICSEARCH_LOGS_PASSWORD',
      'ent_readonly',
      'ELASTICSEARCH_READONLY_PASSWORD',
    ]);
  });

  it('is seen by saved views that Kibana can import', () => {
    interface Saved {
      readonly type: string;
      readonly id: string;
      readonly attributes: {
        readonly title?: string;
        readonly timeFieldName?: string;
        readonly columns?: readonly string[];
        readonly sort?: readonly (readonly [string, string])[];
        readonly kibanaSavedObjectMeta?: { readonly searchSourceJSON: string };
      };
      readonly references: readonly { readonly name: string; readonly type: string; readonly id: string }[];
    }
    const lines = text('infrastructure/kibana/logs.ndjson').trim().split('\n');
    const saved = lines.map((line) => JSON.parse(line) as Saved);
    const keys = saved.map(({ type, id }) => `${type} ${id}`);
    expect(new Set(keys).size).toBe(saved.length);
    for (const { type, id, attributes, references } of saved) {
      expect(attributes.title, id).toEqual(expect.any(String));
      for (const reference of references) expect(keys, id).toContain(`${reference.type} ${reference.id}`);
      if (type === 'index-pattern') {
        const { index_patterns: patterns } = JSON.parse(text('infrastructure/elasticsearch/logs-template.json')) as {
          index_patterns: string[];
        };
        expect(patterns).toContain(attributes.title);
        expect(attributes.timeFieldName).toBe('@timestamp');
        continue;
      }
      expect(type).toBe('search');
      expect(attributes.columns?.length, id).toBeGreaterThan(0);
      expect(attributes.sort, id).toEqual([['@timestamp', 'desc']]);
      const source = JSON.parse(attributes.kibanaSavedObjectMeta?.searchSourceJSON ?? '') as Record<string, unknown>;
      expect(source, id).toEqual({
        query: { query: expect.any(String) as string, language: 'kuery' },
        filter: [],
        indexRefName: references[0]?.name,
      });
    }
  });
});

describe('what is asked of Prometheus', () => {
  it('counts no probe and no scrape among the requests', () => {
    const rules = parse(text('infrastructure/prometheus/rules/recording.yml')) as {
      readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
    };
    const queries = [
      ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
      ...DASHBOARDS.flatMap(({ panels }) => panels.flatMap(({ lines }) => Object.values(lines))),
    ];
    const asked = queries.flatMap(
      (query) => query.match(/http_server_request_duration_seconds_\w+(\{[^}]*\})?/g) ?? [],
    );
    expect(asked.length).toBeGreaterThan(20);
    const probes = 'http_route!~"/livez|/readyz|/startupz|/health|/metrics"';
    expect(asked.filter((each) => !each.includes(probes))).toEqual([]);
  });
});

describe('an example', () => {
  /** What opens URLs of a scheme. */
  const libraries: Readonly<Record<string, readonly string[]>> = {
    sqlite: ['kysely', 'better-sqlite3'],
    postgres: ['kysely', 'pg'],
    mysql: ['kysely', 'mysql2'],
    mongodb: ['mongodb'],
    redis: ['redis'],
    memcached: ['memcache-client'],
    amqp: ['amqplib'],
  };

  it.each(['user-service', 'user-events', 'order-service', 'gateway-service'])(
    '%s has what opens each URL that its settings take: its image has nothing else',
    (name) => {
      const config = text(`examples/${name}/src/config.ts`);
      const schemes = [...config.matchAll(/protocols: \[([^\]]+)\]/g)].flatMap(
        ([, list]) => list?.match(/[a-z]+/g) ?? [],
      );
      const needed = new Set(schemes.flatMap((scheme) => libraries[scheme] ?? []));
      expect(needed.size).toBeGreaterThan(0);
      const { dependencies } = JSON.parse(text(`examples/${name}/package.json`)) as { dependencies: object };
      expect(Object.keys(dependencies)).toEqual(expect.arrayContaining([...needed]));
    },
  );
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
