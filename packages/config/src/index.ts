export { type Config, type ConfigOverride, defineConfig } from './config.ts';
export type { ConfigFault, ConfigOptions, LoadOptions, Overrides, Settings, Variable } from './options.ts';
export { Secret } from './secret.ts';
export { bytes, duration, secret, url } from './values.ts';
