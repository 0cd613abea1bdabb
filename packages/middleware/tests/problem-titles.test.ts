import { ConflictError, NotFoundError } from '@ent/errors';
import { problemTitles, type ProblemTitlesOptions } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

const titles = {
  de: { not_found: 'Nicht gefunden', conflict: 'Widerspruch' },
  'pt-BR': { not_found: 'Não encontrado' },
};

const start = async (options: ProblemTitlesOptions = { titles }) => {
  const { url } = await serve(
    createNodeListener(
      ({ path }) => {
        if (path === '/problem') {
          const headers = { 'content-type': 'application/problem+json' };
          return { status: 400, headers, body: 'no JSON' };
        }
        if (path === '/conflict') throw new ConflictError('It is taken.');
        if (path === '/well')
          return { status: 200, headers: { 'content-type': 'application/json' }, body: '{"code":"not_found"}' };
        throw new NotFoundError('There is no such user.');
      },
      { middleware: [problemTitles(options)] },
    ),
  );
  return async (language: string | undefined, path = '/') => {
    const answer = await fetch(url + path, { headers: language === undefined ? {} : { 'accept-language': language } });
    const text = await answer.text();
    return { answer, text, problem: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} };
  };
};

describe('problemTitles', () => {
  it.each([
    ['de', 'Nicht gefunden', 'de'],
    ['de-AT, en;q=0.5', 'Nicht gefunden', 'de'],
    ['en, de;q=0.9', 'Not Found', 'en'],
    ['de;q=0.1, pt-BR', 'Não encontrado', 'pt-BR'],
    ['DE', 'Nicht gefunden', 'de'],
    ['fr', 'Not Found', 'en'],
    ['*', 'Not Found', 'en'],
    ['', 'Not Found', 'en'],
    ['constructor, __proto__', 'Not Found', 'en'],
    ['de;q=nonsense', expect.any(String), expect.any(String)],
    [undefined, 'Not Found', 'en'],
  ])('Accept-Language %s: %s', async (language, title, contentLanguage) => {
    const { answer, problem } = await (await start())(language);
    expect([answer.status, problem['title'], answer.headers.get('content-language')]).toEqual([
      404,
      title,
      contentLanguage,
    ]);
    expect(problem).toMatchObject({ code: 'not_found', detail: 'There is no such user.', status: 404 });
    expect(answer.headers.get('vary')).toBe('Accept-Language');
    expect(Number(answer.headers.get('content-length'))).toBe(Buffer.byteLength(JSON.stringify(problem)));
  });

  it('keeps a title that there is no other for, and what is no problem', async () => {
    const ask = await start();
    const { answer, problem } = await ask('pt-BR', '/conflict');
    expect([problem['title'], answer.headers.get('content-language')]).toEqual(['Conflict', 'en']);
    const well = await ask('de', '/well');
    expect([well.text, well.answer.headers.get('vary')]).toEqual(['{"code":"not_found"}', null]);
    expect((await ask('de', '/problem')).text).toBe('no JSON');
  });

  it('takes titles for the language that errors have by themselves', async () => {
    const ask = await start({ titles: { en: { not_found: 'Nothing here' } } });
    expect((await ask(undefined)).problem['title']).toBe('Nothing here');
  });

  it.each<[string, unknown]>([
    ['no titles', {}],
    ['titles that are a list', { titles: [] }],
    ['titles of a language that are a text', { titles: { de: 'x' } }],
    ['a misspelt option', { titles, default: 'en' }],
  ])('refuses %s', (_name, options) => {
    expect(() => problemTitles(options as never)).toThrow(
      expect.objectContaining({ code: 'middleware.invalid_options' }) as Error,
    );
  });
});
