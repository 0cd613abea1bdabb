// docker-compose.yml is read as Docker Compose reads it, whole and by each profile, with the settings of .env.example.
// Then: each image has a version, each server a health check, limits and a network; no port is open to others; no
// password stands outside of .env; what is mounted is there; traces go to where a collector takes them; the examples
// may take as much memory as on Kubernetes. Where Docker has Compose, that reads the file too.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { installedFolder } from '../packages/testkit/src/installed-folder.ts';
import { type Finding, main } from './lib/findings.ts';
import { run } from './lib/run.ts';

const COMPOSE = 'docker-compose.yml';
const SETTINGS = '.env.example';

/** What must start by each profile. */
const PROFILES: Readonly<Record<string, readonly string[]>> = {
  core: ['postgres', 'rabbitmq', 'redis'],
  full: ['kafka', 'memcached', 'mongodb', 'mysql', 'postgres', 'rabbitmq', 'redis'],
  observability: [
    'elasticsearch',
    'elasticsearch-setup',
    'grafana',
    'jaeger',
    'kibana',
    'kibana-setup',
    'otel-collector',
    'prometheus',
  ],
  apps: [
    'gateway-service',
    'order-service',
    'payment-provider',
    'postgres',
    'rabbitmq',
    'redis',
    'user-events',
    'user-service',
  ],
};

/** Services without a health check of their own, with the reason. */
const UNASKED: Readonly<Record<string, string>> = {
  'otel-collector': 'its image has no program that could ask',
  'user-service': 'its image has one',
  'user-events': 'its image has one',
  'order-service': 'its image has one',
  'payment-provider': 'its image has one',
  'gateway-service': 'its image has one',
};

/** Settings that others read: the scripts, and mcp-config.json. */
const OF_OTHERS = /^(COMPOSE_PROFILES|ENT_MCP_\w+)$/;

/** What is read here of a project as Compose understands it. */
interface Project {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

interface Service {
  readonly image?: string;
  readonly build?: object;
  readonly healthcheck?: { readonly test?: readonly string[] };
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly deploy?: { readonly resources?: { readonly limits?: Readonly<Record<string, unknown>> } };
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly { readonly host_ip?: string; readonly published?: string }[];
  readonly security_opt?: readonly string[];
  readonly volumes?: readonly { readonly type: string; readonly source?: string }[];
}

/** Where `scripts/install-services.sh compose-config` keeps it: by the hash of its sources. */
function findReader(root: string): string | undefined {
  const hash = createHash('sha256');
  for (const file of ['main.go', 'go.mod', 'go.sum'])
    hash.update(readFileSync(join(root, 'scripts/tools/compose-config', file)));
  const program = installedFolder('compose-config', hash.digest('hex').slice(0, 32), 'compose-config');
  if (existsSync(program)) return program;
  const why = 'compose-config is not built; run scripts/install-services.sh compose-config';
  if (/\b(all|compose-config)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '')) throw new Error(why);
  console.log(`skipped: ${why}`);
  return undefined;
}

async function read(root: string, reader: string, profiles: readonly string[]): Promise<Project | string> {
  // Alone with the file of settings: a variable of this machine would hide what it lacks.
  const env = { PATH: process.env['PATH'], HOME: homedir() };
  const { code, output } = await run(reader, [COMPOSE, SETTINGS, ...profiles], { cwd: root, env });
  return code === 0 ? (JSON.parse(output) as Project) : output.trim();
}

function faultsOf(name: string, service: Service): string[] {
  const faults: string[] = [];
  if (service.build === undefined && !/:v?\d+\.\d+/.test(service.image ?? ''))
    faults.push(`the image ${service.image} has no whole version`);
  if (service.healthcheck?.test === undefined && UNASKED[name] === undefined) faults.push('has no health check');
  const limits = service.deploy?.resources?.limits ?? {};
  for (const limit of ['cpus', 'memory', 'pids'])
    if (limits[limit] === undefined) faults.push(`has no limit of ${limit}`);
  if ('default' in (service.networks ?? { default: null })) faults.push('is in the network of everything');
  for (const { host_ip, published } of service.ports ?? [])
    if (host_ip !== '127.0.0.1') faults.push(`port ${published} is open to other machines`);
  if (!service.security_opt?.includes('no-new-privileges:true')) faults.push('may gain privileges');
  for (const { type, source = '' } of service.volumes ?? [])
    if (type === 'bind' && !existsSync(source)) faults.push(`mounts ${source}, which is not there`);
  return faults.map((fault) => `${name} ${fault}`);
}

/** Where the spans of services go; those that are able to send some have the setting. */
const TRACES = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** Services that could send spans and do not, or send them to where nobody takes them. */
function faultsOfTraces(root: string, services: Project['services']): string[] {
  const collector = parse(readFileSync(join(root, 'infrastructure/otel-collector/config.yml'), 'utf8')) as {
    readonly receivers: { readonly otlp: { readonly protocols: { readonly http: { readonly endpoint: string } } } };
  };
  const port = collector.receivers.otlp.protocols.http.endpoint.split(':').at(-1);
  return Object.entries(services).flatMap(([name, { environment = {}, networks = {} }]) => {
    const settings = join(root, 'examples', name, '.env.example');
    const canSend = existsSync(settings) && readFileSync(settings, 'utf8').includes(TRACES);
    const endpoint = environment[TRACES] ?? undefined;
    if (endpoint === undefined) return canSend ? [`${name} has no ${TRACES}`] : [];
    const at = new URL(endpoint);
    const target = services[at.hostname];
    const shared = Object.keys(target?.networks ?? {}).filter((network) => network in networks);
    if (shared.length === 0) return [`${name} sends traces to ${at.hostname}, which is in none of its networks`];
    return at.port === port ? [] : [`${name} sends traces to port ${at.port}, and the collector listens on ${port}`];
  });
}

/** Examples that may take another amount of memory than the same one on Kubernetes. */
function faultsOfMemory(root: string, services: Project['services']): string[] {
  interface Deployment {
    readonly kind: string;
    readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
  }
  interface Container {
    readonly name: string;
    readonly resources: { readonly limits: { readonly memory: string } };
  }
  const base = join(root, 'infrastructure/k8s/base');
  const deployments = readdirSync(base)
    .flatMap((file) => parseAllDocuments(readFileSync(join(base, file), 'utf8')))
    .map((each) => each.toJS() as Deployment)
    .filter(({ kind }) => kind === 'Deployment');
  return deployments
    .flatMap(({ spec }) => spec.template.spec.containers)
    .flatMap(({ name, resources }) => {
      const here = Number(services[name]?.deploy?.resources?.limits?.['memory']) / 2 ** 20;
      const there = resources.limits.memory;
      return there === `${here}Mi` ? [] : [`${name} may take ${here}M of memory, and ${there} on Kubernetes`];
    });
}

/** Compose itself, where Docker has it: it needs no engine to read a file. */
async function askDocker(root: string): Promise<string[]> {
  const docker = (args: string[]): ReturnType<typeof run> => run('docker', ['compose', ...args], { cwd: root });
  if ((await docker(['version']).catch(() => undefined))?.code !== 0) return [];
  const args = ['--env-file', SETTINGS, '--profile', '*', 'config', '--quiet'];
  const { code, output } = await docker(['--file', COMPOSE, ...args]);
  return code === 0 ? [] : [`docker compose config: ${output.trim()}`];
}

/** Passwords that stand in the file, and settings that nothing reads. */
function faultsOfSettings(root: string): Finding[] {
  const text = readFileSync(join(root, COMPOSE), 'utf8');
  const findings = [...text.matchAll(/\$\{\w+:?-[^}]*\}/g)].map(([variable]) => ({
    file: COMPOSE,
    problem: `${variable} has a default`,
    fix: `write it into ${SETTINGS}, and say \${NAME:?} here`,
  }));
  for (const [, name = '', value = ''] of readFileSync(join(root, SETTINGS), 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm)) {
    if (!text.includes(`\${${name}`) && !OF_OTHERS.test(name))
      findings.push({ file: SETTINGS, problem: `${name} is read by nothing`, fix: 'remove it' });
    if (name.endsWith('_PASSWORD') && value !== '' && text.includes(value))
      findings.push({ file: COMPOSE, problem: `has the value of ${name}`, fix: `write \${${name}:?}` });
  }
  return findings;
}

async function checkCompose(root: string): Promise<Finding[]> {
  const findings = faultsOfSettings(root);
  for (const problem of await askDocker(root)) findings.push({ file: COMPOSE, problem });
  const reader = findReader(root);
  if (reader === undefined) return findings;
  const whole = await read(root, reader, ['*']);
  if (typeof whole === 'string') return [...findings, { file: COMPOSE, problem: whole }];
  const add = (problem: string): unknown => findings.push({ file: COMPOSE, problem });
  for (const [name, service] of Object.entries(whole.services)) for (const fault of faultsOf(name, service)) add(fault);
  for (const fault of faultsOfTraces(root, whole.services)) add(fault);
  for (const fault of faultsOfMemory(root, whole.services)) add(fault);
  const mounted = Object.values(whole.services).flatMap(({ volumes = [] }) => volumes.map(({ source }) => source));
  for (const name of Object.keys(whole.volumes ?? {}))
    if (!mounted.includes(name)) add(`no service has volume ${name}`);
  for (const [profile, expected] of Object.entries(PROFILES)) {
    const part = await read(root, reader, [profile]);
    if (typeof part === 'string') add(`profile ${profile}: ${part}`);
    else if (Object.keys(part.services).sort().join() !== expected.join())
      add(`profile ${profile} starts ${Object.keys(part.services).sort().join(', ')}, and not ${expected.join(', ')}`);
  }
  return findings;
}

if (import.meta.main) await main(checkCompose);
