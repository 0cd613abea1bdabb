import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// A run of its own, started by describe-with-server.test.ts; the name keeps the file out of the repository's own runs.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    testTimeout: 100_000,
    hookTimeout: 100_000,
    include: ['memcached.fixture.ts'],
    reporters: ['verbose'], // it names what is skipped
  },
});
