import { type Browser, chromium } from 'playwright-core';
import { findProgram } from './programs.ts';

/** Chromium, or the browser of Google that it is; undefined where there is none. */
export function findChromium(): string | undefined {
  return ['chromium', 'chromium-browser', 'google-chrome'].map((name) => findProgram(name)).find(Boolean);
}

/** Without what a browser does by itself: it asks its maker for updates, and wants a sandbox that root has not. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const quiet = ['background-networking', 'component-update', 'gpu', 'quic', 'sync'].map((name) => `--disable-${name}`);
  return chromium.launch({ executablePath, timeout: 100_000, args: ['--no-sandbox', '--no-first-run', ...quiet] });
}
