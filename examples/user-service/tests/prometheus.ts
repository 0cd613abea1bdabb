import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '@ent/testkit';
import { parse, stringify } from 'yaml';

/** Where the rules, the dashboards and the settings of Prometheus are. */
export const infrastructure = fileURLToPath(new URL('../../../infrastructure/', import.meta.url));
export const rules = join(infrastructure, 'prometheus/rules');
export const promtool = findProgram('promtool');
const program = findProgram('prometheus');
const isThere = program !== undefined && promtool !== undefined;
const isRequired = /\b(all|prometheus)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');

/** For `describe.skipIf`, and for the name of what is skipped. */
export const isSkipped = !isThere && !isRequired;
export const why = isThere ? '' : ' (skipped: Prometheus is not installed; run scripts/install-services.sh prometheus)';

/** A running Prometheus. */
export interface Prometheus {
  /** Of its API: `/api/v1/` and what is asked. */
  ask<T>(path: string, query?: Record<string, string>): Promise<T>;
  kill(): void;
}

/** How it is asked to work. */
export interface PrometheusOptions {
  /** The URL of the service. */
  readonly target: string;
  /** Where its files are. */
  readonly folder: string;
  readonly rules: string;
  /** A timeout that is too short on a busy machine would leave gaps. */
  readonly scrapeEvery: string;
  /** The service is the pod that Kubernetes tells this of, and is found as on a cluster. Default: by its address. */
  readonly pod?: Readonly<Record<string, string>>;
}

/** Starts Prometheus with the settings of `infrastructure/`, in all but what it scrapes and how often. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const { target, folder, scrapeEvery, pod } = options;
  const source = `prometheus/${pod === undefined ? 'prometheus' : 'kubernetes'}.yml`;
  const config = parse(readFileSync(join(infrastructure, source), 'utf8')) as {
    scrape_configs: { job_name: string; kubernetes_sd_configs?: object }[];
  };
  const scrape = config.scrape_configs.filter(({ job_name }) => ['pods', 'user-service'].includes(job_name));
  const targets = [{ targets: [new URL(target).host], ...(pod && { labels: pod }) }];
  const file = join(folder, 'prometheus.yml');
  writeFileSync(
    file,
    stringify({
      ...config,
      global: { scrape_interval: scrapeEvery, scrape_timeout: scrapeEvery, evaluation_interval: '1s' },
      rule_files: [join(options.rules, '*.yml')],
      // Debian's knows no Kubernetes; what it makes of what that tells is the same.
      scrape_configs: scrape.map((each) => ({ ...each, kubernetes_sd_configs: undefined, static_configs: targets })),
    }),
  );
  const flags = [`--storage.tsdb.path=${join(folder, 'tsdb')}`, '--enable-feature=exemplar-storage'];
  const child = spawn(program!, [`--config.file=${file}`, '--web.listen-address=127.0.0.1:0', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      const [, address] = /"Listening on".* address=(\S+)/.exec(said) ?? [];
      if (address !== undefined && said.includes('Server is ready')) resolve(`http://${address}`);
    });
    child.once('exit', () => reject(new Error(`Prometheus does not start:\n${said}`)));
  });
  return {
    async ask<T>(path: string, query: Record<string, string> = {}) {
      const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
      const { data, error } = (await answer.json()) as { data?: T; error?: string };
      if (data === undefined) throw new Error(`${path} ${JSON.stringify(query)}: ${error ?? 'no data'}`);
      return data;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
