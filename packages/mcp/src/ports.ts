/** An answer now or later. */
type Awaitable<T> = T | Promise<T>;

/** What tells how the parts of the process are: `health` of a lifecycle of `@ent/lifecycle`. */
export interface HealthPort {
  report(): Awaitable<{ readonly body: unknown }>;
}

/** What writes metrics in Prometheus' text format: what `createMetrics` of `@ent/observability/prometheus` gives. */
export interface MetricsPort {
  render(): Awaitable<string>;
}

/** The settings of the process: what `defineConfig` of `@ent/config` gives. */
export interface ConfigPort {
  get(): object;
}

/** A route: what `route` of `@ent/http` gives. */
export interface RoutePort {
  readonly method: string;
  readonly path: string;
  readonly summary?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly deprecated?: boolean | undefined;
  readonly hidden?: boolean | undefined;
  /** Who may call it; `false` or `undefined` for everyone. */
  readonly auth?: unknown;
}

/** What tells of migrations: what `createMigrator` of `@ent/database` gives. */
export interface MigrationsPort {
  status(): Awaitable<readonly { readonly name: string; readonly state: string; readonly appliedAt: Date | null }[]>;
}

/** A dead letter. */
export interface LetterPort {
  readonly id: string;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
}

/** Messages and their dead letters: what `createMessaging` or `openMessaging` of `@ent/messaging` give. */
export interface MessagingPort {
  readonly driver?: { readonly features?: { readonly lists?: boolean; readonly browses?: boolean } };
  groups(): Awaitable<readonly { readonly topic: string; readonly group: string }[]>;
  stats(topic: string, group: string): Awaitable<object | undefined>;
  deadLetters(topic: string): {
    count(): Awaitable<number>;
    list(options: { readonly limit: number }): Awaitable<readonly LetterPort[]>;
  };
}

/** What counts what a cache answered: `caches` of `watchProcess`. */
export interface CachesPort {
  stats(): Awaitable<unknown>;
}

/** What keeps the last errors: `errors` of `watchProcess`. */
export interface ErrorsPort {
  /** Newest first. */
  list(): Awaitable<readonly object[]>;
}

/** What {@link serviceTools} are made of: each that is there gives its tools. */
export interface ServicePorts {
  readonly health?: HealthPort | undefined;
  readonly metrics?: MetricsPort | undefined;
  readonly config?: ConfigPort | undefined;
  readonly routes?: readonly RoutePort[] | undefined;
  readonly migrations?: MigrationsPort | undefined;
  readonly messaging?: MessagingPort | undefined;
  readonly caches?: CachesPort | undefined;
  readonly errors?: ErrorsPort | undefined;
}
