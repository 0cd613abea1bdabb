import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHandler, type Route, route } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';
import { bodySchemas, bodyValues, openSchemas, querySchemas, queryTexts } from './support/corpus.ts';
import { ask } from './support/host.ts';

// What the document allows the service takes, and what it refuses the service refuses:
// somebody else's validator judges by the document.

const schemas = [...bodySchemas, ...openSchemas];
const routes: Route[] = [
  ...schemas.map(([, schema], index) =>
    route({
      method: 'POST',
      path: `/body/${index}`,
      body: schema,
      responses: { 204: {} },
      handler: () => undefined,
    }),
  ),
  ...querySchemas.map(([, schema], index) =>
    route({
      method: 'GET',
      path: `/query/${index}`,
      query: z.object({ v: schema }),
      responses: { 204: {} },
      handler: () => undefined,
    }),
  ),
];

const document = JSON.parse(JSON.stringify(openapi(routes, { title: 'Corpus', version: '1' }))) as {
  components: object;
  paths: Record<string, { post?: Body; get?: { parameters: { required: boolean; schema: object }[] } }>;
};
interface Body {
  requestBody: { required: boolean; content: { 'application/json': { schema: object } } };
}

/** A schema of the document, compiled with the components that it may refer to. */
function compile(schema: object): ValidateFunction {
  // Strict: no keyword and no format that is unknown. Formats are notes in JSON Schema 2020-12.
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    validateFormats: false,
  });
  for (const name of FORMATS) ajv.addFormat(name, true);
  ajv.addVocabulary(['components', 'example']);
  return ajv.compile({ ...schema, components: document.components });
}
const FORMATS = 'date-time date time duration email hostname ipv4 ipv6 uri uuid'.split(' ');

const handler = createHandler(routes);
const status = async (path: string, body?: unknown): Promise<number> =>
  (await ask(handler, path.startsWith('/body') ? 'POST' : 'GET', path, body)).status;

describe('bodies', () => {
  it.each(schemas.map(([name, , ...values], index) => [name, index, values] as const))(
    '%s',
    async (_name, index, values) => {
      const { required, content } = document.paths[`/body/${index}`]!.post!.requestBody;
      const validate = compile(content['application/json'].schema);
      const wider = index >= bodySchemas.length;
      const said: [value: unknown, document: boolean, service: number][] = await Promise.all(
        [...bodyValues, ...values].map(async (value) => [
          value,
          validate(value),
          await status(`/body/${index}`, value),
        ]),
      );
      const lies = said.filter(([, allowed, got]) =>
        allowed ? !(got === 204 || (wider && got === 422)) : got !== 422,
      );
      expect(lies).toEqual([]);
      // A document that allows nothing, or refuses nothing, would pass too: see that it does neither.
      expect(new Set(said.map(([, , got]) => got)).size).toBe(CONSTANT.has(_name) ? 1 : 2);
      expect(await status(`/body/${index}`)).toBe(required ? 422 : 204);
    },
  );
});
const CONSTANT = new Set(['any', 'unknown', 'json', 'never', 'catch']);

/** The values that a text can stand for where the document asks for something else than text. */
function readings(text: string, schema: object): unknown[] {
  // Any number may be written as in JSON; an integer, and one of a list, in one way.
  const anyNumber = 'type' in schema && schema.type === 'number' && !('enum' in schema);
  const isNumber = anyNumber ? /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) : /^-?(0|[1-9]\d*)$/.test(text);
  return [
    text,
    ...(isNumber ? [Number(text)] : []),
    ...(text === 'true' ? [true] : []),
    ...(text === 'false' ? [false] : []),
  ];
}

describe('queries', () => {
  it.each(querySchemas.map(([name], index) => [name, index] as const))('%s', async (_name, index) => {
    const [parameter] = document.paths[`/query/${index}`]!.get!.parameters;
    const { required, schema } = parameter!;
    const validate = compile(schema);
    const said: [text: string, document: boolean, service: number][] = await Promise.all(
      queryTexts.map(async (text) => [
        text,
        readings(text, schema).some((value) => validate(value)),
        await status(`/query/${index}?v=${encodeURIComponent(text)}`),
      ]),
    );
    expect(said.filter(([, allowed, got]) => got !== (allowed ? 204 : 422))).toEqual([]);
    expect(await status(`/query/${index}`)).toBe(required ? 422 : 204);
  });
});

it('the document is the same each time', () => {
  const again = JSON.parse(JSON.stringify(openapi(routes, { title: 'Corpus', version: '1' }))) as unknown;
  expect(again).toEqual(document);
});
