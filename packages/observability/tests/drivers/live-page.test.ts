// What a person sees of the page, in a real browser.
import { describeWithBrowser } from '@ent/testkit/browser';
import { expect, it } from 'vitest';
import { SPAN } from '../../src/internal/traced.ts';
import { publish, request, serveLive, spanOf } from '../support/live.ts';

describeWithBrowser('the live page', (open) => {
  it('is drawn from its own host alone, and follows what happens', async () => {
    let status = 'pass';
    const check = () => [{ status, observedValue: 3 }];
    const report = () => ({ body: { status, checks: { 'database:responseTime': check() } } });
    const { url } = await serveLive({ service: 'shop', version: '1.2.3', health: { report } });
    const { page, faults } = await open(url);
    await page.getByRole('heading', { name: 'shop', exact: true }).waitFor();
    await page.getByText('version 1.2.3').waitFor();
    await page.getByRole('status').getByText('pass').waitFor();
    await page.getByText('None so far.').waitFor();
    expect(await page.getByRole('table').count()).toBe(1);

    for (let i = 0; i < 20; i++) request('/users/:id', 30);
    publish('ent:cache:get', { driver: 'redis', keys: 4, hits: 3 });
    request('/traced', 7, { [SPAN]: spanOf('ab'.repeat(16)) });
    status = 'fail';
    await page.getByRole('rowheader', { name: 'GET /users/:id' }).waitFor();
    await page.getByRole('region', { name: 'Caches' }).getByRole('cell', { name: '75 %' }).waitFor();
    await page
      .getByRole('region', { name: 'Traces' })
      .getByRole('rowheader', { name: 'ab'.repeat(16) })
      .waitFor();
    await page.getByRole('status').getByText('fail').waitFor();
    await page.getByRole('region', { name: 'Health' }).getByRole('cell', { name: 'fail' }).waitFor();
    expect(await page.title()).toBe('fail · shop: live');
    // A chart has a line once a slot of it is over.
    await expect.poll(() => page.locator('path.line-1').first().getAttribute('d')).toMatch(/^M\d+ [\d.]+h/);
    expect(faults).toEqual([]);
  });

  it('shows an error as a text, opened by keyboard, and leaves it open while it counts on', async () => {
    const { url, live } = await serveLive();
    const { page, faults } = await open(url);
    const hostile = '<img src=x onerror="document.title=1">\nsecond line';
    live.record(new Error(hostile, { cause: new Error('deeper') }), 'print');
    const summary = page.locator('#errors summary');
    await summary.waitFor();
    expect(await summary.innerText()).toMatch(/1 × internal <img src=x onerror="document\.title=1">$/);
    await summary.focus();
    await page.keyboard.press('Enter');
    await page.getByText('because of Error: deeper').waitFor();
    live.record(new Error(hostile, { cause: new Error('deeper') }), 'print');
    await page.getByText('2 ×').waitFor();
    expect(await page.getByText('second line').isVisible()).toBe(true);
    expect(await page.evaluate('document.activeElement.tagName')).toBe('SUMMARY');
    expect(await page.locator('img').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('can be paused by keyboard, and says when nobody answers', async () => {
    let isAway = false;
    const { url } = await serveLive({ allow: () => !isAway });
    const { page } = await open(url);
    const state = page.getByRole('status');
    await state.getByText('live').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await state.getByText('paused').waitFor();
    expect(await page.getByRole('button', { pressed: true }).innerText()).toBe('Pause');
    await page.keyboard.press('Space');
    await state.getByText('live').waitFor();
    isAway = true;
    await state.getByText('no answer').waitFor();
    isAway = false;
    await state.getByText('live').waitFor();
  });

  it.each(['light', 'dark'] as const)('can be read in the %s scheme, on a narrow screen too', async (colorScheme) => {
    const { url } = await serveLive();
    request('/a/route/whose/name/is/longer/than/the/screen/of/a/telephone/is/wide/:id');
    const { page } = await open(url, { colorScheme, viewport: { width: 360, height: 700 } });
    await page.getByRole('rowheader').first().waitFor();
    // As texts: the browser's globals are none of this program's.
    const brightness = async (property: string): Promise<number> => {
      const color = await page.evaluate<string>(`getComputedStyle(document.body).${property}`);
      return Math.max(...(color.match(/\d+/g) ?? []).slice(0, 3).map(Number));
    };
    const [text, back] = [await brightness('color'), await brightness('backgroundColor')];
    expect(Math.sign(text - back)).toBe(colorScheme === 'light' ? -1 : 1);
    expect(Math.abs(text - back)).toBeGreaterThan(150);
    const root = 'document.documentElement';
    expect(await page.evaluate(`${root}.scrollWidth - ${root}.clientWidth`)).toBe(0);
  });
});
