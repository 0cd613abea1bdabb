import { type Logo, logoUrl } from './logo.ts';
import { REDOC_DARK, REDOC_DARK_CSS } from './redoc-dark.ts';

/** A page that shows the document. */
export interface Page {
  readonly path: string;
  readonly package: string;
  /** Files of the package that the page loads, with their content types. */
  readonly assets: Readonly<Record<string, string>>;
  /** Starts the page; a file of its own, since the policy runs no inline script. */
  readonly start: (base: string) => string;
  readonly css: string;
  readonly policy: string;
  /** Whether it shows the logo of the document itself. */
  readonly showsLogo: boolean;
  readonly edit?: (content: Buffer) => Buffer;
}

export const SCRIPT = 'text/javascript; charset=utf-8';
export const CSS = 'text/css; charset=utf-8';
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

const IN_THE_DARK = '@media (prefers-color-scheme: dark)';
// Until the page has begun there is no other style.
const PAGE_CSS = `body { margin: 0; }
${IN_THE_DARK} { html { background: #1c2022; color-scheme: dark; } }
`;
const DARK = "const dark = matchMedia('(prefers-color-scheme: dark)');\n";

export const SWAGGER_UI: Page = {
  path: '/docs',
  package: 'swagger-ui-dist',
  assets: { 'swagger-ui.css': CSS, 'swagger-ui-bundle.js': SCRIPT },
  // validatorUrl: by default every document is sent to validator.swagger.io for a badge.
  start: (base) => `${DARK}const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({
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
  css: `${PAGE_CSS}.logo {
  display: block; box-sizing: border-box; width: 100%; max-width: 1460px; max-height: 80px;
  margin: 20px auto 0; padding: 0 20px; object-fit: scale-down; object-position: left;
}
html.dark-mode #page :is(.markdown, .renderedMarkdown) :is(td, th) { color: #e4e6e6; }
`,
  policy: `${POLICY}; style-src 'self'`,
  showsLogo: false,
};

export const REDOC: Page = {
  path: '/redoc',
  package: 'redoc',
  assets: { 'bundles/redoc.standalone.js': SCRIPT },
  start: (base) => `${DARK}// A theme is worked into the styles at the start, which the place in the document outlives.
dark.addEventListener('change', () => location.reload());
const theme = dark.matches ? ${JSON.stringify(REDOC_DARK)} : {};
Redoc.init(${JSON.stringify(`${base}/openapi.json`)}, { hideLoading: true, theme }, document.getElementById('page'));
`,
  css: `${PAGE_CSS}${IN_THE_DARK} {${REDOC_DARK_CSS}}\n`,
  showsLogo: true,
  // It writes its styles as it goes (styled-components), and builds its
  // search index in a worker that it carries within.
  policy: `${POLICY}; style-src 'self' 'unsafe-inline'; worker-src blob:`,
  edit: (content) =>
    Buffer.from(
      content
        .toString('utf8')
        // The one thing it fetches from elsewhere; the policy would refuse it and leave an error in the console.
        .replace('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,')
        // A colour of a place that has no name by which a style finds it.
        .replace('color: #0e7c86', 'color: var(--pattern, #0e7c86)'),
    ),
};

/** `base` is what stands before the paths of the service. */
export function pageHtml(page: Page, title: string, base: string, logo: Logo | undefined): string {
  const assets = ['page.css', ...Object.keys(page.assets), 'start.js'].map(
    (name) => `${base}${page.path}/${name.split('/').at(-1)}`,
  );
  const tags = assets.map((path) =>
    path.endsWith('.css') ? `<link rel="stylesheet" href="${path}">` : `<script src="${path}" defer></script>`,
  );
  const src = logo && escapeHtml(logoUrl(logo, base + page.path));
  const picture = src === undefined ? '' : `<img class="logo" src="${src}" alt="${escapeHtml(title)}">\n`;
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
${picture}<div id="page"></div>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
