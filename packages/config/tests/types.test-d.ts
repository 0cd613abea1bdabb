import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { bytes, type Config, defineConfig, duration, type Secret, secret, type Settings, url } from '../src/index.ts';

const schema = z.object({
  port: z.number().default(8000),
  databaseUrl: url(),
  password: secret(),
  token: secret().optional(),
  mode: z.enum(['a', 'b']),
  cache: z.object({ ttl: duration().prefault('5m'), size: bytes().prefault('1MiB') }),
  tags: z.array(z.string()),
  since: z.iso.date().transform((text) => new Date(text)),
  id: z.string().brand<'Id'>(),
  tls: z.object({ cert: z.string() }).optional(),
});
const config = defineConfig(schema);

describe('types', () => {
  it('the settings are the output of the schema, readonly all the way down', () => {
    const settings = config.get();
    expectTypeOf(config).toEqualTypeOf<Config<typeof schema>>();
    expectTypeOf(settings).toEqualTypeOf<Settings<typeof schema>>();
    expectTypeOf(config.load()).toEqualTypeOf<Settings<typeof schema>>();
    expectTypeOf(settings.port).toEqualTypeOf<number>();
    expectTypeOf(settings.databaseUrl).toEqualTypeOf<string>();
    expectTypeOf(settings.password).toEqualTypeOf<Secret>();
    expectTypeOf(settings.token).toEqualTypeOf<Secret | undefined>();
    expectTypeOf(settings.mode).toEqualTypeOf<'a' | 'b'>();
    expectTypeOf(settings.cache).toEqualTypeOf<{ readonly ttl: number; readonly size: number }>();
    expectTypeOf(settings.tags).toEqualTypeOf<readonly string[]>();
    expectTypeOf(settings.since).toEqualTypeOf<Date>();
    expectTypeOf(settings.id).toEqualTypeOf<z.output<typeof schema>['id']>();
    expectTypeOf(settings.tls?.cert).toEqualTypeOf<string | undefined>();
    // @ts-expect-error settings do not change
    settings.port = 1;
    // @ts-expect-error nor do those inside
    settings.cache.ttl = 1;
    // @ts-expect-error nor do lists
    settings.tags.push('x');
  });

  it('overrides are some of the settings, as values or as text', () => {
    config.load({ overrides: { port: 0, cache: { ttl: '1s' } } });
    config.override({ port: '0', password: 'text', tags: 'a,b' });
    // @ts-expect-error no such setting
    config.override({ prot: 0 });
    // @ts-expect-error no such setting in there
    config.load({ overrides: { cache: { tll: 1 } } });
    // @ts-expect-error the wrong type
    config.load({ overrides: { port: true } });
    // @ts-expect-error the prefix belongs to the definition
    config.load({ prefix: 'X_' });
  });

  it('a default is a value, a prefault is text', () => {
    duration().default(5000);
    // @ts-expect-error this would skip the reading of it
    duration().default('5s');
  });

  it('only an object can be a schema', () => {
    // @ts-expect-error not an object
    defineConfig(z.string());
  });
});
