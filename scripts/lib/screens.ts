import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium, launchChromium } from '../../packages/testkit/src/chromium.ts';
import { whileServing } from './serving.ts';

const main = join(import.meta.dirname, '..', '..', 'examples', 'user-service', 'src', 'main.ts');
/** Long enough for the charts to have a line. */
const TRAFFIC_MS = 60_000;
const SIZE = { width: 1280, height: 860 };

type Page = Awaited<ReturnType<Awaited<ReturnType<typeof launchChromium>>['newPage']>>;

/** A picture: where the page is, and what is there once it is drawn. */
interface Screen {
  readonly name: string;
  readonly path: string;
  readonly drawn: string;
  readonly colorScheme?: 'light' | 'dark';
  /** What somebody does there first. */
  readonly act?: (page: Page) => Promise<void>;
}

const API: readonly Screen[] = [
  { name: 'swagger-ui', path: '/docs', drawn: '.swagger-ui .opblock-summary-path' },
  { name: 'redoc', path: '/redoc', drawn: '[data-section-id]' },
];
const LIVE: readonly Screen[] = [
  { name: 'live-light', path: '/', drawn: '#routes tbody tr', colorScheme: 'light' },
  { name: 'live-dark', path: '/', drawn: '#routes tbody tr', colorScheme: 'dark' },
];

const ADMIN = { email: 'root@example.com', password: 'correct horse battery staple' };
const PEOPLE: readonly Screen[] = [
  {
    name: 'admin',
    path: '/admin/',
    drawn: '#sessions tbody tr',
    async act(page) {
      await page.getByLabel('Email', { exact: true }).fill(ADMIN.email);
      await page.getByLabel('Password').fill(ADMIN.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('#users tbody button').first().click();
    },
  },
];

/** Takes the pictures of user-service, with a real browser. Its cache is away, so that there are errors to see. */
export async function takeScreens(folder: string): Promise<void> {
  const chromium = findChromium();
  if (chromium === undefined) throw new Error('Chromium is not installed; run scripts/install-services.sh chromium.');
  mkdirSync(folder, { recursive: true });
  const cwd = mkdtempSync(join(tmpdir(), 'ent-screens-'));
  const browser = await launchChromium(chromium);
  const env = {
    PATH: process.env['PATH'],
    HOME: cwd,
    PORT: '0',
    LIVE_PORT: '0',
    RATE_LIMIT_PER_MINUTE: '1000000',
    REGISTRATION_LIMIT: '1000000',
    CACHE_URL: 'redis://127.0.0.1:1',
    ADMIN_EMAIL: ADMIN.email,
    ADMIN_PASSWORD: ADMIN.password,
  };
  const take = async (base: string, screens: readonly Screen[]): Promise<void> => {
    for (const { name, path, drawn, colorScheme = 'light', act } of screens) {
      const page = await browser.newPage({ viewport: SIZE, colorScheme });
      await page.goto(base + path, { waitUntil: 'networkidle' });
      await act?.(page);
      await page.locator(drawn).first().waitFor();
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: path.endsWith('/') });
      await page.close();
      console.log(`docs/screens/${name}.png`);
    }
  };
  try {
    await whileServing(
      process.execPath,
      ['--conditions=@ent/source', main],
      { cwd, env },
      async (url, said) => {
        const [, live = ''] = /the live page is (http:\S+?:\d+)/.exec(said) ?? [];
        await take(url, API);
        console.log('Making traffic for a minute.');
        await makeTraffic(url, TRAFFIC_MS);
        await take(live, LIVE);
        await take(url, PEOPLE);
      },
      /listening on (http:\/\/127\.0\.0\.1:\d+)/,
    );
  } finally {
    await browser.close();
    rmSync(cwd, { recursive: true, force: true });
  }
}

async function makeTraffic(url: string, ms: number): Promise<void> {
  const send = async (method: string, path: string, body?: object, token = ''): Promise<Record<string, string>> => {
    const answer = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json', ...(token !== '' && { authorization: `Bearer ${token}` }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return answer.headers.get('content-type')?.includes('json')
      ? ((await answer.json()) as Record<string, string>)
      : {};
  };
  const until = performance.now() + ms;
  for (let n = 0; performance.now() < until; n++) {
    const login = { email: `user-${n}@example.com`, password: 'a long passphrase' };
    const { id } = await send('POST', '/api/v1/users/', { ...login, name: `User ${n}` });
    const { access_token: token } = await send('POST', '/api/v1/auth/login', login);
    const reads = 4 + Math.round(6 * (1 + Math.sin(n / 8)));
    for (let i = 0; i < reads; i++) await send('GET', `/api/v1/users/${id}`, undefined, token);
    await send('PUT', `/api/v1/users/${id}`, { name: `Still user ${n}` }, token);
    await send('GET', '/api/v1/users/', undefined, token);
  }
}
