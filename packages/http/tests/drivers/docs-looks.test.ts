import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { securityHeaders } from '@ent/middleware';
import { describeWithBrowser } from '@ent/testkit/browser';
import type { Page } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { serve } from '../../../middleware/tests/support/serve.ts';
import { docs, type DocsOptions } from '../../src/docs.ts';
import { bearer, createListener, formBody, mount, reply, route } from '../../src/index.ts';
import { faintTexts } from '../support/contrast.ts';

// All that the pages show in colours of their own: each method, text with a table, choices, what is in each other.
const Deep = z.object({ a: z.object({ b: z.object({ c: z.object({ d: z.string().regex(/^x+$/) }) }) }) });
const Kinds = z.union([z.object({ kind: z.literal('a'), at: z.date() }), z.object({ kind: z.literal('b') })]);
const description =
  'A **bold** word, `code`, a [link](https://example.com).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n> quoted\n\n```\nblock\n```\n';
const at = { path: '/items/:id', tags: ['items'], responses: { 204: {} }, handler: () => undefined } as const;
const table = [
  route({
    method: 'POST',
    path: '/token',
    body: formBody(z.object({ username: z.string(), password: z.string() })),
    responses: { 200: z.object({ access_token: z.string() }) },
    handler: () => ({ access_token: '' }),
  }),
  route({
    ...at,
    method: 'PUT',
    summary: 'Change an item',
    description,
    auth: bearer(() => 1, { passwordFlow: '/token' }),
    query: z.object({ kind: z.enum(['one', 'two']).default('one'), n: z.int().min(1).max(5).optional() }),
    body: z.object({ kinds: Kinds, deep: Deep, old: z.string().optional().meta({ deprecated: true }) }),
    responses: { 200: Deep, 303: {} },
    problems: [404, 500],
    handler: () => reply(303),
  }),
  route({ ...at, method: 'GET', responses: { 200: { contentType: 'text/plain' } }, handler: () => '' }),
  route({ ...at, method: 'DELETE' }),
  route({ ...at, method: 'PATCH' }),
];
const start = async (options: Partial<DocsOptions> = {}): Promise<string> => {
  const pages = docs(table, { title: 'Items & more', version: '1', description, ...options });
  const all = mount('/shop', [...table, ...pages]);
  return `${(await serve(createListener(all, { middleware: [securityHeaders()] }))).url}/shop`;
};

/** Opens what a page keeps closed, and what that keeps closed. */
async function openAll(page: Page): Promise<void> {
  await page.locator('.opblock-summary, [data-section-id]').first().waitFor();
  await expect.poll(() => page.evaluate<number>(OPEN_WHAT_IS_CLOSED)).toBe(0);
}
const OPEN_WHAT_IS_CLOSED = `(() => {
  const closed = 'button[aria-expanded="false"], button[aria-label^="expand "]';
  const found = [...document.querySelectorAll(closed)].filter((button) => !button.dataset.opened);
  for (const button of found) {
    button.dataset.opened = 'yes';
    button.click();
  }
  return found.length;
})()`;

const background = (page: Page): Promise<string> =>
  page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
const DARK = 'rgb(28, 32, 34)';
const PICTURE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="red"/></svg>';

describeWithBrowser('the pages of a document', (open) => {
  it.each(['/docs', '/redoc'])('%s is dark for who wants it dark, and all of it can be read', async (path) => {
    const { page, faults } = await open((await start()) + path, { colorScheme: 'dark' });
    await openAll(page);
    expect(await background(page)).toBe(DARK);
    expect(await faintTexts(page, 3)).toEqual([]);
    expect(faults).toEqual([]);
  });

  it.each(['/docs', '/redoc'])('%s follows when that changes', async (path) => {
    const { page, faults } = await open((await start()) + path, { colorScheme: 'light' });
    await page.locator('h1, h2.title').first().waitFor();
    const color = () => page.evaluate<string>("getComputedStyle(document.querySelector('h1, h2.title')).color");
    const light = await color();
    expect(await background(page)).not.toBe(DARK);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(color).not.toBe(light);
    expect(await background(page)).toBe(DARK);
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(color).toBe(light);
    expect(await background(page)).not.toBe(DARK);
    expect(faults).toEqual([]);
  });

  it.each(['/docs', '/redoc'])('%s shows a logo, out of a file or out of a URL', async (path) => {
    const folder = mkdtempSync(join(tmpdir(), 'ent-logo-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'brand.SVG');
    writeFileSync(file, PICTURE);
    const inline = `data:image/svg+xml,${encodeURIComponent(PICTURE)}`;
    for (const [logo, source] of [
      [file, /^http.*\/shop\/(docs|redoc)\/logo\.svg$/],
      [inline, /^data:image/],
    ] as const) {
      const { page, faults } = await open((await start({ logo })) + path);
      await page.getByRole('img', { name: 'Items & more' }).waitFor();
      const picture = `document.querySelector('img[alt="Items & more"]')`;
      await expect.poll(() => page.evaluate(`${picture}.naturalWidth`)).toBe(40);
      expect(await page.evaluate(`${picture}.src`)).toMatch(source);
      expect(faults).toEqual([]);
    }
  });
});
