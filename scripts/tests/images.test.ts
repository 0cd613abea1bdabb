import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDockerfile } from '../lib/dockerfile.ts';
import { type Built, buildStages, strayLinks } from '../lib/image.ts';
import { makeTree } from './support/tree.ts';

const files = {
  '.dockerignore': '*\n!src\n!package.json\n**/secret*\n',
  'package.json': '{}',
  'src/main.js': 'main',
  'src/deep/part.js': 'part',
  'src/secret.js': 'secret',
  'other.js': 'other',
};

/** Builds a Dockerfile of these lines; gives its last stage. */
async function build(...lines: string[]): Promise<Built> {
  const root = makeTree({ ...files, Dockerfile: `${lines.join('\n')}\n` });
  execFileSync('git', ['init', '--quiet'], { cwd: root });
  mkdirSync(join(root, 'made'));
  const built = await buildStages(root, readDockerfile(join(root, 'Dockerfile')), join(root, 'made'), () => {});
  return built.at(-1)!;
}

describe('the steps of a Dockerfile', () => {
  it('copy what .dockerignore lets through, run in the folder of the stage, and take from stages before', async () => {
    const { root, stage } = await build(
      'FROM node:1 AS build',
      'ENV WORD=hello',
      'WORKDIR /build',
      'COPY src/ src/',
      'COPY package.json ./',
      'RUN --mount=type=cache,target=/x \\',
      '    mkdir ../out && echo "$WORD" > ../out/said && ls src > ../out/list',
      'FROM node:1 AS base',
      'ENV PORT=1',
      'USER 1000:1000',
      'HEALTHCHECK --interval=1s CMD ["node", "-e", "1 > 0"]',
      'FROM base AS app',
      'WORKDIR /app',
      'COPY --chown=1:1 --from=build /out/ ./',
      'VOLUME ["/app/data"]',
      'ENTRYPOINT ["node"]',
      'CMD ["main.js"]',
    );
    expect(readFileSync(join(root, 'app/said'), 'utf8')).toBe('hello\n');
    expect(readFileSync(join(root, 'app/list'), 'utf8')).toBe('deep\nmain.js\n');
    expect(stage).toMatchObject({
      name: 'app',
      image: 'node:1',
      env: { PORT: '1' },
      user: '1000:1000',
      volumes: ['/app/data'],
      command: ['node', 'main.js'],
      probe: ['node', '-e', '1 > 0'],
    });
    expect(existsSync(join(root, 'build'))).toBe(false);
  });

  it.each([
    ['a step that fails', ['RUN echo before && exit 3'], /RUN echo before.*ended with 3:\nbefore/s],
    ['a file that is kept out', ['COPY src/secret.js ./'], /src\/secret\.js: there is no such file/],
    ['a file that is not there', ['COPY nothing/ ./'], /nothing\/: there is no such file/],
    ['a file that the stage before lacks', ['FROM node:1', 'COPY --from=0 /x ./'], /stage "0" has no such file/],
    ['a stage that is not there', ['COPY --from=gone /x ./'], /gone: there is no such stage/],
    ['a path of this machine', ['RUN rm -r /usr'], /names an absolute path/],
    ['a way out', ['COPY src/ ../../'], /leads out of the image/],
    ['what nobody has taught it', ['ADD src/ ./'], /cannot do ADD/],
  ])('show %s', async (_, lines, message) => {
    await expect(build('FROM node:1', ...lines)).rejects.toThrow(message);
  });

  it('tell links that lead out of the image, or nowhere', async () => {
    const { root } = await build('FROM node:1', 'WORKDIR /app', 'COPY src/ ./');
    symlinkSync('main.js', join(root, 'app/inside'));
    symlinkSync(join(root, '../../package.json'), join(root, 'app/outside'));
    symlinkSync('nothing', join(root, 'app/nowhere'));
    expect(strayLinks(root).sort()).toEqual(['app/nowhere', 'app/outside']);
  });

  it('tell a command that a shell runs', async () => {
    const { stage } = await build('FROM node:1', 'ENTRYPOINT node main.js', 'HEALTHCHECK CMD curl localhost');
    expect(stage).toMatchObject({ command: undefined, probe: undefined });
  });
});
