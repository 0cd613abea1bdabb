import { refuseUnknown } from '@ent/internal';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { entityTag } from '@ent/middleware';
import { httpErrors } from './errors.ts';
import { demandList } from './internal/demand.ts';
import { OPENAPI_OPTIONS } from './internal/openapi-options.ts';
import { demandPrefix } from './mount.ts';
import { type OpenApiDocument, type OpenApiOptions, openapi } from './openapi.ts';
import { reply } from './responses.ts';
import { type Route, route } from './route.ts';

/** What {@link docs} serves. */
export interface DocsOptions extends OpenApiOptions {
  /** Pages to serve: `swagger-ui` at `/docs`, `redoc` at `/redoc`. Each needs its package. Default: both. */
  readonly pages?: readonly ('swagger-ui' | 'redoc')[] | undefined;
  /**
   * The path that a proxy in front takes off before it hands a request on, such as `/shop`: the pages and the document
   * are there for a browser. A prefix by `mount` needs no word. Default: none. No header of a request is asked for it.
   */
  readonly basePath?: string | undefined;
}

/**
 * Routes for an OpenAPI document at `/openapi.json`, and for pages that show
 * it: Swagger UI at `/docs`, ReDoc at `/redoc`.
 *
 * Everything is served from here, out of the packages `swagger-ui-dist` and `redoc`; the pages' Content-Security-Policy
 * lets them talk to no other host. These routes are for everyone, and are not in the document.
 *
 * @throws `http.invalid_options` when the package of a page is not installed; what {@link openapi} throws
 * @example
 * ```ts no-run
 * import { createListener, type Route } from '@ent/http';
 * import { docs } from '@ent/http/docs';
 *
 * declare const routes: Route[];
 * const listener = createListener([...routes, ...docs(routes, { title: 'Users', version: '1.0.0' })]);
 * ```
 */
export function docs(routes: readonly Route[], options: DocsOptions): Route[] {
  refuseUnknown(options, { ...OPENAPI_OPTIONS, pages: true, basePath: true }, 'docs', httpErrors.invalid_options);
  const { pages = ['swagger-ui', 'redoc'], basePath = '', ...about } = options;
  demandList(pages, 'docs: pages');
  if (basePath !== '') demandPrefix(basePath, 'docs: basePath');
  const documentAt = (base: string): OpenApiDocument =>
    openapi(routes, { ...about, servers: about.servers ?? [{ url: base === '' ? '/' : base }] });
  // Now, so that a mistake stops the start.
  const document = documentAt(basePath);
  return [
    file('/openapi.json', 'application/json', 'no-cache', basePath, (base) =>
      JSON.stringify(base === basePath ? document : documentAt(base)),
    ),
    ...pages.flatMap((page) => pageRoutes(page === 'redoc' ? REDOC : SWAGGER_UI, options.title, basePath)),
  ];
}

interface Page {
  readonly path: string;
  readonly package: string;
  /** Files of the package that the page loads, with their content types. */
  readonly assets: Readonly<Record<string, string>>;
  /** Starts the page; a file of its own, since the policy runs no inline script. */
  readonly start: (base: string) => string;
  readonly policy: string;
  readonly edit?: (content: Buffer) => Buffer;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_CSS = 'body { margin: 0; }\n';

const SWAGGER_UI: Page = {
  path: '/docs',
  package: 'swagger-ui-dist',
  assets: { 'swagger-ui.css': CSS, 'swagger-ui-bundle.js': SCRIPT },
  // validatorUrl: by default every document is sent to validator.swagger.io for a badge.
  start: (base) => `SwaggerUIBundle({
  url: ${JSON.stringify(`${base}/openapi.json`)},
  dom_id: '#page',
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  // The token outlives a reload. It is kept in this browser, under this origin.
  persistAuthorization: true,
  // What it was given for, and what would get others, does not: the page would keep them beside it.
  plugins: [() => ({ statePlugins: { auth: { wrapActions: {
    authorizeOauth2: (authorize) => ({ auth: { password, clientSecret, ...auth }, token: { refresh_token, ...token } }) =>
      authorize({ auth, token }),
  } } } })],
});
`,
  policy: `${POLICY}; style-src 'self'`,
};

const REDOC: Page = {
  path: '/redoc',
  package: 'redoc',
  assets: { 'bundles/redoc.standalone.js': SCRIPT },
  start: (base) =>
    `Redoc.init(${JSON.stringify(`${base}/openapi.json`)}, { hideLoading: true }, document.getElementById('page'));\n`,
  // It writes its styles as it goes (styled-components), and builds its
  // search index in a worker that it carries within.
  policy: `${POLICY}; style-src 'self' 'unsafe-inline'; worker-src blob:`,
  // The one thing it fetches from elsewhere; the policy would refuse it and leave an error in the console.
  edit: (content) =>
    Buffer.from(content.toString('utf8').replace('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,')),
};

function pageRoutes(page: Page, title: string, basePath: string): Route[] {
  const { directory, version } = locate(page.package);
  const tag = entityTag(`${page.package}@${version}`);
  const names = Object.keys(page.assets);
  return [
    file(page.path, 'text/html; charset=utf-8', 'no-cache', basePath, (base) => pageHtml(page, title, base), {
      'content-security-policy': page.policy,
    }),
    file(`${page.path}/page.css`, CSS, 'no-cache', basePath, () => PAGE_CSS),
    file(`${page.path}/start.js`, SCRIPT, 'no-cache', basePath, page.start),
    ...names.map((name) =>
      asset(`${page.path}/${name.split('/').at(-1)}`, page.assets[name] as string, tag, async () => {
        const content = await readFile(join(directory, name));
        return page.edit === undefined ? content : page.edit(content);
      }),
    ),
  ];
}

/** A route for a text that has paths of other files in it, which begin where it is itself mounted. */
function file(
  path: string,
  contentType: string,
  caching: string,
  basePath: string,
  write: (base: string) => string,
  headers?: Readonly<Record<string, string>>,
): Route {
  // For each place where the route is mounted: as a rule one.
  const written = new Map<string, { readonly text: string; readonly etag: string }>();
  return route({
    method: 'GET',
    path,
    auth: false,
    hidden: true,
    responses: { 200: { contentType } },
    handler: ({ exchange }) => {
      const base = basePath + (exchange.route ?? path).slice(0, -path.length);
      let found = written.get(base);
      if (found === undefined) {
        const text = write(base);
        found = { text, etag: entityTag(text) };
        written.set(base, found);
      }
      return reply(200, found.text, { ...headers, etag: found.etag, 'cache-control': caching });
    },
  });
}

/** A route for a file of a package, under the entity tag of its version. It is read once, when somebody asks. */
function asset(path: string, contentType: string, etag: string, read: () => Promise<Buffer>): Route {
  let content: Promise<Buffer> | undefined;
  const readOnce = async (): Promise<Buffer> => {
    content ??= read();
    try {
      return await content;
    } catch (error) {
      content = undefined;
      throw error;
    }
  };
  return route({
    method: 'GET',
    path,
    auth: false,
    hidden: true,
    responses: { 200: { contentType } },
    handler: async () => reply(200, await readOnce(), { etag, 'cache-control': 'public, max-age=3600' }),
  });
}

function locate(name: string): { directory: string; version: string } {
  // A bundle in CommonJS has no URL of its own; what it needs beside itself is installed where it is started.
  const here: string | undefined = import.meta.url;
  const packages = createRequire(here ?? join(process.cwd(), 'package.json'));
  try {
    const manifest = packages.resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return { directory: dirname(manifest), version };
  } catch (cause) {
    throw httpErrors.invalid_options(
      `docs: the package "${name}" is not installed: npm install ${name}, or leave its page out of "pages".`,
      { cause },
    );
  }
}

function pageHtml(page: Page, title: string, base: string): string {
  const assets = ['page.css', ...Object.keys(page.assets), 'start.js'].map(
    (name) => `${base}${page.path}/${name.split('/').at(-1)}`,
  );
  const tags = assets.map((path) =>
    path.endsWith('.css') ? `<link rel="stylesheet" href="${path}">` : `<script src="${path}" defer></script>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
${tags.join('\n')}
</head>
<body>
<div id="page"></div>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
