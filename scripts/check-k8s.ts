// The overlays of infrastructure/k8s are rendered by kubectl, held against the schemas of Kubernetes, of the Gateway
// API and of Istio, and looked through: pods have three probes, limits, no root and more time to end than they drain;
// what chooses pods by labels chooses some; routes lead to those that let callers in, and to no other; a database is
// brought up to date by a Job; settings are those of the service; traces leave production, by a port that policies let
// through; no secret stands in production.
import { Gateway, HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import { DestinationRule } from '@kubernetes-models/istio/networking.istio.io/v1';
import { AuthorizationPolicy, PeerAuthentication } from '@kubernetes-models/istio/security.istio.io/v1';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { installedFolder } from '../packages/testkit/src/installed-folder.ts';
import { type Finding, main } from './lib/findings.ts';
import { run, withTemporaryFolder } from './lib/run.ts';

const OVERLAYS = 'infrastructure/k8s/overlays';
const TOOLS = 'kubernetes-validate-1.37.0';

/** Those with settings in a ConfigMap of their name. */
const SERVICES: readonly string[] = ['user-service', 'order-service', 'gateway-service'];

/** What `stopTimeout` of the lifecycle gives the parts of a process after their drain time, in seconds: the longest. */
function readStopSeconds(root: string): number {
  const seconds = SERVICES.map((service) => {
    const app = readFileSync(join(root, 'examples', service, 'src/app.ts'), 'utf8');
    return Number(/stopTimeout: config\.DRAIN_TIME \+ ([\d_]+)/.exec(app)?.[1]?.replace('_', '')) / 1000;
  });
  const longest = Math.max(...seconds);
  if (Number.isNaN(longest)) throw new Error('src/app.ts of an example does not say how long its parts have to stop.');
  return longest;
}

/** Kinds that no schema of Kubernetes itself knows. */
const MORE_KINDS = { AuthorizationPolicy, DestinationRule, Gateway, HTTPRoute, PeerAuthentication } as const;
/** What Istio reads of a pod. */
const SIDECAR = 'proxy.istio.io/config';

type Labels = Readonly<Record<string, string>>;
/** The names of the settings of each service. */
type Settings = ReadonlyMap<string, ReadonlySet<string>>;

/** What is read here of a resource. */
interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: {
      readonly metadata?: { readonly labels?: Labels; readonly annotations?: Labels };
      readonly spec: Pod;
    };
    readonly selector?: Labels & { readonly matchLabels?: Labels };
    readonly podSelector?: Selector;
    readonly scaleTargetRef?: { readonly name: string };
    /** Of a DestinationRule. */
    readonly host?: string;
    /** Of a NetworkPolicy. */
    readonly egress?: readonly { readonly ports?: readonly { readonly port?: number | string }[] }[];
    readonly ingress?: readonly { readonly from?: readonly { readonly namespaceSelector?: Selector }[] }[];
    /** Of an HTTPRoute. */
    readonly rules?: readonly { readonly backendRefs?: readonly { readonly name: string }[] }[];
  };
}

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: string[];
  }[];
}

interface Pod {
  readonly terminationGracePeriodSeconds?: number;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly seccompProfile?: { readonly type: string } };
  readonly containers: readonly Container[];
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly startupProbe?: object;
  readonly livenessProbe?: object;
  readonly readinessProbe?: object;
  readonly resources?: { readonly requests?: Labels; readonly limits?: Labels };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[] };
  };
}

/** The folder of kubectl and kubernetes-validate, both of PyPI. */
function findTools(): string | undefined {
  const folder = installedFolder(TOOLS, 'bin');
  if (existsSync(join(folder, 'kubectl'))) return folder;
  const why = 'kubectl and kubernetes-validate are not installed; run scripts/install-services.sh kubernetes';
  if (/\b(all|kubernetes)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '')) throw new Error(why);
  console.log(`skipped: ${why}`);
  return undefined;
}

/** Whether it is one of the examples: what an overlay brings for development need not have all of it. */
const isOurs = ({ image }: Container): boolean => /(^|\/)ent\//.test(image);

function faultsOfPod({ kind, metadata, spec }: Resource, drainSeconds: number, stopSeconds: number): string[] {
  const pod = spec?.template?.spec;
  if (pod === undefined) return [];
  const faults: string[] = [];
  const need = (holds: boolean | undefined, fault: string): unknown =>
    holds || faults.push(`${kind} ${metadata.name} ${fault}`);
  need(pod.automountServiceAccountToken === false, 'is given a token of the cluster');
  need(pod.securityContext?.runAsNonRoot, 'may run as root');
  need(pod.securityContext?.seccompProfile?.type === 'RuntimeDefault', 'may make any system call');
  const sidecar = spec?.template?.metadata?.annotations?.[SIDECAR];
  if (sidecar !== undefined) {
    const { terminationDrainDuration: drains } = parse(sidecar) as { terminationDrainDuration?: string };
    const seconds = Number(/^(\d+)s$/.exec(drains ?? '')?.[1]);
    need(seconds > drainSeconds + stopSeconds, 'has a sidecar that ends before it');
    need(seconds < (pod.terminationGracePeriodSeconds ?? 30), 'has a sidecar that is killed before it has drained');
  }
  for (const container of pod.containers) {
    const { name, image, resources, securityContext, env = [] } = container;
    need(/:[\w.-]+$/.test(image) && !image.endsWith(':latest'), `has the image ${image} without a version`);
    need(
      resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined,
      `asks for nothing for ${name}`,
    );
    need(resources?.limits?.['memory'] !== undefined, `has no limit of memory for ${name}`);
    need(securityContext?.allowPrivilegeEscalation === false, `lets ${name} gain privileges`);
    need(securityContext?.capabilities?.drop?.includes('ALL'), `leaves ${name} its capabilities`);
    if (!isOurs(container)) continue;
    need(securityContext?.readOnlyRootFilesystem, `lets ${name} write its files`);
    for (const each of env)
      need(!/URL|KEY|PASSWORD/.test(each.name) || each.value === undefined, `has the value of ${each.name}`);
    if (kind !== 'Deployment') continue;
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const)
      need(container[probe] !== undefined, `has no ${probe}`);
    const drain = SERVICES.includes(name) ? drainSeconds : 0;
    need(
      (pod.terminationGracePeriodSeconds ?? 30) > drain + stopSeconds,
      `is killed before it has drained for ${drain} s and ended`,
    );
  }
  return faults;
}

function chooses({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values = [] }) => values.includes(labels[key] ?? ''))
  );
}

/** What chooses pods, and chooses none; and what runs without what it needs beside it. */
function faultsOfSelectors(resources: readonly Resource[]): string[] {
  const pods = resources.flatMap(({ spec }) => (spec?.template ? [spec.template.metadata?.labels ?? {}] : []));
  const faults = resources.flatMap(({ kind, metadata, spec }) => {
    const selector =
      kind === 'Service' ? { matchLabels: spec?.selector as Labels } : (spec?.podSelector ?? spec?.selector);
    if (selector === undefined || pods.some((labels) => chooses(selector, labels))) return [];
    return [`${kind} ${metadata.name} chooses no pod`];
  });
  for (const { metadata, spec } of resources.filter(({ kind }) => kind === 'DestinationRule')) {
    const isHost = ({ kind, metadata: { name, namespace } }: Resource): boolean =>
      kind === 'Service' && spec?.host === `${name}.${namespace}.svc.cluster.local`;
    if (!resources.some(isHost)) faults.push(`DestinationRule ${metadata.name} is for no Service`);
  }
  for (const { metadata, spec } of resources.filter(({ kind }) => kind === 'Deployment')) {
    if (!spec?.template?.spec.containers.some(isOurs)) continue;
    const labels = spec.template.metadata?.labels ?? {};
    const has = (kind: string, fits: (each: Resource) => boolean): unknown =>
      resources.some((each) => each.kind === kind && fits(each)) || faults.push(`${metadata.name} has no ${kind}`);
    has('HorizontalPodAutoscaler', (each) => each.spec?.scaleTargetRef?.name === metadata.name);
    has('PodDisruptionBudget', (each) => chooses(each.spec?.selector ?? {}, labels));
    has(
      'NetworkPolicy',
      (each) => each.spec?.podSelector?.matchLabels !== undefined && chooses(each.spec.podSelector, labels),
    );
  }
  return faults;
}

/** Services that let callers in from outside and are not reached, and the other way around. */
function faultsOfRoutes(resources: readonly Resource[]): string[] {
  const of = (kind: string): Resource[] => resources.filter((each) => each.kind === kind);
  const rules = of('HTTPRoute').flatMap(({ spec }) => spec?.rules ?? []);
  const routed = new Set(rules.flatMap(({ backendRefs = [] }) => backendRefs.map(({ name }) => name)));
  if (routed.size === 0) return [];
  const isDoor = ({ namespaceSelector }: { readonly namespaceSelector?: Selector }): boolean =>
    namespaceSelector?.matchLabels?.['ent/ingress'] === 'true';
  const doors = of('NetworkPolicy').filter(({ spec }) => spec?.ingress?.some(({ from = [] }) => from.some(isDoor)));
  const open = of('Service')
    .filter(({ spec }) => doors.some((door) => chooses(door.spec?.podSelector ?? {}, spec?.selector as Labels)))
    .map(({ metadata }) => metadata.name);
  return [
    ...open.filter((name) => !routed.has(name)).map((name) => `no HTTPRoute leads to ${name}, which lets callers in`),
    ...[...routed]
      .filter((name) => !open.includes(name))
      .map((name) => `an HTTPRoute leads to ${name}, which lets no callers in`),
  ];
}

/** Services with a database that no Job brings up to date. */
function faultsOfJobs(resources: readonly Resource[]): string[] {
  const databases = (kind: string): [string, string][] =>
    resources
      .filter((each) => each.kind === kind)
      .flatMap(({ spec }) => spec?.template?.spec.containers.filter(isOurs) ?? [])
      .flatMap(({ name, image, env = [] }) =>
        env
          .filter((each) => each.name === 'DATABASE_URL')
          .map(({ valueFrom }): [string, string] => [name, `${image} ${JSON.stringify(valueFrom)}`]),
      );
  const done = databases('Job').map(([, database]) => database);
  return databases('Deployment').flatMap(([name, database]) =>
    done.includes(database) ? [] : [`no Job brings the database of ${name} up to date`],
  );
}

function faultsOfMore(resources: readonly Resource[]): string[] {
  return resources.flatMap((resource) => {
    if (!(resource.kind in MORE_KINDS)) return [];
    try {
      new MORE_KINDS[resource.kind as keyof typeof MORE_KINDS](resource as never).validate();
      return [];
    } catch (error) {
      return [`${resource.kind} ${resource.metadata.name}: ${(error as Error).message}`];
    }
  });
}

/** Production without traces, or with those that a policy keeps in. */
function faultsOfTraces(service: string, config: Resource | undefined, resources: readonly Resource[]): string[] {
  const endpoint = config?.data?.['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (endpoint === undefined) return [`${service} sends its traces nowhere`];
  const port = Number(new URL(endpoint).port);
  const isOpen = resources.some(
    ({ kind, spec }) =>
      kind === 'NetworkPolicy' && spec?.egress?.some(({ ports = [] }) => ports.some((each) => each.port === port)),
  );
  return isOpen ? [] : [`${service} sends its traces to port ${port}, which no NetworkPolicy lets out`];
}

function faultsOf(overlay: string, resources: readonly Resource[], settings: Settings, stopSeconds: number): string[] {
  const faults: string[] = [];
  let drainSeconds = 0;
  for (const service of SERVICES) {
    const config = resources.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith(service));
    for (const name of Object.keys(config?.data ?? {}))
      if (!settings.get(service)?.has(name)) faults.push(`${service} has no setting ${name}`);
    const drain = /^(\d+)s$/.exec(config?.data?.['DRAIN_TIME'] ?? '');
    if (overlay !== 'development') faults.push(...faultsOfTraces(service, config, resources));
    if (drain === null) faults.push(`DRAIN_TIME of ${service} is not in seconds`);
    drainSeconds = Math.max(drainSeconds, Number(drain?.[1] ?? 0));
  }
  if (overlay !== 'development' && resources.some(({ kind }) => kind === 'Secret')) faults.push('has a Secret in it');
  return [
    ...faults,
    ...resources.flatMap((resource) => faultsOfPod(resource, drainSeconds, stopSeconds)),
    ...faultsOfSelectors(resources),
    ...faultsOfRoutes(resources),
    ...faultsOfJobs(resources),
    ...faultsOfMore(resources),
  ];
}

async function checkK8s(root: string): Promise<Finding[]> {
  const tools = findTools();
  if (tools === undefined) return [];
  const settings: Settings = new Map(
    SERVICES.map((service) => {
      const example = readFileSync(join(root, 'examples', service, '.env.example'), 'utf8');
      return [service, new Set([...example.matchAll(/^# (\w+)=/gm)].map(([, name]) => name ?? ''))];
    }),
  );
  const stopSeconds = readStopSeconds(root);
  return withTemporaryFolder(async (dir) => {
    const findings: Finding[] = [];
    for (const overlay of readdirSync(join(root, OVERLAYS)).sort()) {
      const file = `${OVERLAYS}/${overlay}`;
      const rendered = await run(join(tools, 'kubectl'), ['kustomize', file], { cwd: root });
      if (rendered.code !== 0) {
        findings.push({ file, problem: rendered.output.trim() });
        continue;
      }
      const resources = parseAllDocuments(rendered.output).map((each) => each.toJS() as Resource);
      for (const problem of faultsOf(overlay, resources, settings, stopSeconds)) findings.push({ file, problem });
      const target = join(dir, `${overlay}.yaml`);
      writeFileSync(target, rendered.output);
      const { code, output } = await run(join(tools, 'kubernetes-validate'), ['--strict', target], { cwd: dir });
      const told = output
        .split('\n')
        .filter(
          (line) => /^(?!INFO)./.test(line) && !Object.keys(MORE_KINDS).some((kind) => line.includes(`kind ${kind} `)),
        );
      if (code !== 0 || told.length > 0) findings.push({ file, problem: told.join('\n') || output.trim() });
    }
    return findings;
  });
}

if (import.meta.main) await main(checkK8s);
