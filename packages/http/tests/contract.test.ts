import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHandler, reply, route, type Responses } from '../src/index.ts';
import { ask } from './support/host.ts';

/** What a handler that breaks its contract is answered with. */
async function answer(responses: Responses, given: unknown): Promise<{ status: number; text: string }> {
  const handler = createHandler([route({ method: 'GET', path: '/', responses, handler: () => given as never })]);
  const { status, body } = await ask(handler, 'GET', '/');
  return { status, text: body as string };
}

const User = z.object({ id: z.uuid(), roles: z.array(z.enum(['admin', 'user'])) });
const id = '6f2b3f1e-9d0a-4c1e-8f5b-0a1b2c3d4e5f';

describe('an answer that breaks the schema of its route', () => {
  it.each<[string, Responses, unknown]>([
    ['a field is missing', { 200: User }, { id }],
    ['a value within it is wrong', { 200: User }, { id, roles: ['secret-role'] }],
    ['by reply()', { 200: User, 404: z.object({ hint: z.string() }) }, reply(404, { hint: 7 })],
    ['a status that is not declared', { 200: User }, reply(201, { id, roles: [] })],
    ['no status among several', { 200: User, 201: User }, { id, roles: [] }],
    ['nothing at all', { 200: User }, undefined],
    // Those that zod runs, and those that wait.
    ['a refinement', { 200: User.refine(({ roles }) => roles.length > 0) }, { id, roles: [] }],
    ['an asynchronous refinement', { 200: User.refine(async ({ roles }) => roles.length > 0) }, { id, roles: [] }],
  ])('fails with 500, and nothing of it is sent: %s', async (_name, responses, given) => {
    const { status, text } = await answer(responses, given);
    expect([status, JSON.parse(text)]).toMatchObject([500, { code: 'http.response_invalid' }]);
    expect(text).not.toMatch(new RegExp(`${id}|secret-role`));
  });

  it('does so in each environment: no setting turns it off', async () => {
    const before = process.env['NODE_ENV'];
    try {
      for (const environment of ['production', 'development', 'test']) {
        process.env['NODE_ENV'] = environment;
        expect((await answer({ 200: User }, { id })).status).toBe(500);
      }
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });
});
