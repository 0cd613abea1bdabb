import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** Scripts and styles are files of their own, so that nothing that stands in the page itself is ever run. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Of every answer. */
export const PAGE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** The files of the page, by the last part of their path. They name each other relatively, wherever that is mounted. */
export function pageFiles(service: string): ReadonlyMap<string, PageFile> {
  const title = service.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}: live</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="live.css">
</head>
<body>
<header>
<h1>${title}</h1>
<p id="about"></p>
<p id="state" role="status">loading</p>
<button id="pause" type="button" aria-pressed="false">Pause</button>
</header>
<main id="page"></main>
<noscript><p>This page draws its numbers by a script. They are at <a href="data">data</a>, too.</p></noscript>
<script src="live.js"></script>
</body>
</html>
`;
  return new Map([
    ['', { type: 'text/html', text: html }],
    ['live.css', { type: 'text/css', text: STYLE }],
    ['live.js', { type: 'text/javascript', text: SCRIPT }],
  ]);
}
