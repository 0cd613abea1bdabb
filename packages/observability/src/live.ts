import type { IncomingMessage, ServerResponse } from 'node:http';
import { demandMethods, kindOf, refuseUnknown, secretsIn } from '@ent/internal';
import { observabilityErrors } from './errors.ts';
import { isLocal } from './internal/live/allow.ts';
import { PAGE_HEADERS, pageFiles } from './internal/live/page.ts';
import { Snapshots } from './internal/live/snapshot.ts';

/** Options of {@link createLive}. */
export interface LiveOptions {
  /** Name of the service, for the title of the page. */
  readonly service: string;
  /** Its version, beside the name. Default: none. */
  readonly version?: string | undefined;
  /** What tells how the parts are: `health` of a lifecycle of `@ent/lifecycle`. Left out, that panel is not there. */
  readonly health?: { report(): { readonly body: unknown } | Promise<{ readonly body: unknown }> } | undefined;
  /**
   * The settings, as `defineConfig` of `@ent/config` gives them: what they hide, and each password of a URL in them, is
   * known by its value and never shown. The settings themselves are not shown at all.
   */
  readonly config?: { get(): object } | undefined;
  /**
   * Who may look; asked for each request, and answered with 403 where it is not `true`. Default: who asks from this
   * machine, on its loopback address and under its name, without a proxy in between that shows.
   */
  readonly allow?: ((req: IncomingMessage) => boolean | Promise<boolean>) | undefined;
}

/** What {@link createLive} gives. */
export interface Live {
  /**
   * Answers a request, by the last part of its path: an empty one is the page, `data` its numbers as JSON. So it can
   * have a port of its own, or a path such as `/live`, which leads to `/live/`. Rejects for what is no request of
   * `node:http` alone (`observability.invalid_options`).
   */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** Shows an error that no package publishes. */
  readonly record: (error: unknown, operation?: string) => void;
  /** Stops listening and measuring. */
  readonly close: () => void;
}

const OPTIONS = { service: true, version: true, health: true, config: true, allow: true } as const;

/**
 * A page that shows how the process is at this moment: health, requests, caches, queries, queues, the process and its
 * last errors. It listens to the channels of the packages; it changes nothing, and asks no other host for anything.
 *
 * The numbers are of this process alone, of the last minutes, and in a bounded memory: at most a hundred rows of each
 * kind. Texts have no secrets: what looks like one, stands under the name of one, or is one of the settings is hidden.
 *
 * @throws `observability.invalid_options` for an option that is unknown, missing or of the wrong kind
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createLive } from '@ent/observability/live';
 *
 * const live = createLive({ service: 'shop' });
 * const server = createServer((req, res) => void live.handle(req, res));
 * server.listen(0, '127.0.0.1', () => server.close());
 * live.close();
 * ```
 */
export function createLive(options: LiveOptions): Live {
  refuseUnknown(options, OPTIONS, 'createLive', observabilityErrors.invalid_options);
  const { service, version, health, config, allow = isLocal } = options;
  for (const [name, value] of Object.entries({ service, version: version ?? service })) {
    if (typeof value !== 'string' || value === '') {
      throw observabilityErrors.invalid_options(`createLive: ${name} must be a text; got ${kindOf(value)}.`);
    }
  }
  if (health !== undefined) {
    demandMethods(health, ['report'], 'createLive: health', observabilityErrors.invalid_options);
  }
  if (config !== undefined) demandMethods(config, ['get'], 'createLive: config', observabilityErrors.invalid_options);
  if (typeof allow !== 'function') {
    throw observabilityErrors.invalid_options(`createLive: allow must be a function; got ${kindOf(allow)}.`);
  }
  const snapshots = new Snapshots({
    service,
    version,
    health: health && (async () => (await health.report()).body),
    secrets: () => (config === undefined ? [] : secretsIn(config.get())),
  });
  const files = pageFiles(service);

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if ((await allow(req)) !== true) return send(req, res, 403, 'You may not look at this page from here.\n');
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD');
      return send(req, res, 405, 'This page can only be read.\n');
    }
    const [path = ''] = (req.url ?? '').split('?');
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name === 'data') return send(req, res, 200, await snapshots.text(), 'application/json');
    const file = files.get(name);
    if (file !== undefined) return send(req, res, 200, file.text, file.type);
    // Mounted at "/live": the files of the page are beside it. Not absolute: a proxy may take off what is in front.
    if (!name.includes('.')) {
      res.setHeader('location', `./${name}/`);
      return send(req, res, 308, 'The page has a slash at its end.\n');
    }
    return send(req, res, 404, 'There is no such file.\n');
  };
  return {
    async handle(req, res) {
      demandExchange(req, res);
      try {
        await answer(req, res);
      } catch (error) {
        snapshots.errors.record(error, 'live');
        if (res.headersSent) res.destroy();
        else send(req, res, 503, 'The page failed; its list of errors has the reason.\n');
      }
    },
    record: (error, operation) => snapshots.errors.record(error, operation),
    close: () => snapshots.close(),
  };
}

function demandExchange(req: Partial<IncomingMessage> | undefined, res: ServerResponse): void {
  const { invalid_options } = observabilityErrors;
  if (typeof req?.headers !== 'object') {
    throw invalid_options(`handle takes a request of node:http; got ${kindOf(req)}.`);
  }
  demandMethods(res, ['writeHead', 'end'], 'handle: the response', invalid_options);
}

function send(req: IncomingMessage, res: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  res.writeHead(status, { ...PAGE_HEADERS, 'content-type': `${type}; charset=utf-8` });
  res.end(req.method === 'HEAD' ? undefined : text);
}
