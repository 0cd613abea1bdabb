import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import { findChromium, launchChromium } from './chromium.ts';

/** A page, and what went wrong in it. */
export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, errors that nobody caught, and requests to another origin. */
  readonly faults: string[];
}

/** What tests get: opens a page of its own for the test that calls it. */
export type OpenBrowser = (url: string, options?: Parameters<Browser['newPage']>[0]) => Promise<OpenPage>;

const ADVICE = 'Chromium is not installed; run scripts/install-services.sh chromium';

/**
 * A `describe` block with a real browser. Where there is none it is skipped, under a name that says so; with
 * `ENT_TEST_REQUIRE` (`all`, or `chromium`) it fails.
 *
 * @example
 * describeWithBrowser('the page', (open) => {
 *   it('has a title', async () => {
 *     const { page, faults } = await open('http://127.0.0.1:8000/docs');
 *     expect(await page.title()).not.toBe('');
 *     expect(faults).toEqual([]);
 *   });
 * });
 */
export function describeWithBrowser(name: string, tests: (open: OpenBrowser) => void): void {
  const path = findChromium();
  const isSkipped = path === undefined && !/\b(?:all|chromium)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
  describe.skipIf(isSkipped)(`${name}${isSkipped ? ` (skipped: ${ADVICE})` : ''}`, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      if (path === undefined) throw new Error(ADVICE);
      browser = await launchChromium(path);
    }, 120_000);
    afterAll(() => browser?.close());
    tests(async (url, options) => {
      const page = await browser!.newPage(options);
      onTestFinished(() => page.close());
      page.setDefaultTimeout(100_000);
      const faults = noteFaults(page, new URL(url).origin);
      await page.goto(url);
      return { page, faults };
    });
  });
}

function noteFaults(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    const url = request.url().replace(/^blob:/, '');
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) faults.push(`asked for ${request.url()}`);
  });
  return faults;
}
