// Bundles open.js with one bundler and its defaults for a server, by: node bundle.js BUNDLER TOOLS OUTPUT
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [bundler, tools, output] = process.argv.slice(2);
const load = createRequire(join(tools, 'package.json'));
const entry = './open.js';

const bundlers = {
  async 'esbuild.cjs'() {
    await load('esbuild').build({ entryPoints: [entry], bundle: true, platform: 'node', outfile: output });
  },
  async 'esbuild.mjs'() {
    await load('esbuild').build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: output,
    });
  },
  async 'docs.cjs'() {
    await load('esbuild').build({ entryPoints: ['./docs.js'], bundle: true, platform: 'node', outfile: output });
  },
  async 'rollup.mjs'() {
    await rollup({ dir: join(output, '..') });
  },
  // In one file, the drivers run when the program begins.
  async 'rollup-one.mjs'() {
    await rollup({ dir: join(output, '..'), inlineDynamicImports: true });
  },
  async 'vite.mjs'() {
    const { build } = await import(pathToFileURL(load.resolve('vite')).href);
    const rollupOptions = { output: { entryFileNames: 'vite.mjs' } };
    await build({
      logLevel: 'error',
      ssr: { noExternal: true },
      build: { ssr: entry, outDir: join(output, '..'), rollupOptions },
    });
  },
  async 'webpack.cjs'() {
    await webpack({});
  },
  // As Next.js has it: an empty module in the place of each optional peer that is not installed.
  async 'webpack-empty.cjs'() {
    const absent = ['redis', 'memcache-client', 'kysely', 'better-sqlite3', 'pg', 'amqplib'];
    await webpack({ resolve: { alias: Object.fromEntries(absent.map((name) => [name, false])) } });
  },
};

async function webpack(more) {
  const settings = {
    mode: 'production',
    target: 'node22',
    entry,
    output: { path: join(output, '..'), filename: output.split('/').at(-1) },
    context: process.cwd(),
    ...more,
  };
  await new Promise((resolve, reject) =>
    load('webpack')(settings, (error, stats) =>
      error || stats.hasErrors() ? reject(error ?? new Error(stats.toString('errors-only'))) : resolve(),
    ),
  );
}

async function rollup(settings) {
  const plugins = ['@rollup/plugin-node-resolve', '@rollup/plugin-commonjs'].map((name) => load(name).default());
  const bundle = await load('rollup').rollup({ input: entry, plugins, onwarn() {} });
  const name = output.split('/').at(-1);
  await bundle.write({ format: 'es', entryFileNames: name, chunkFileNames: '[name].mjs', ...settings });
}

await bundlers[bundler]();
