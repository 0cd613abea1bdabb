import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { client, newEmail, password } from './client.ts';
import { settings, start, temporaryFolder } from './service.ts';

const folder = temporaryFolder();
const disk = join(folder.path, 'disk');
mkdirSync(disk);
const mount = (): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'ent-test', disk]).status === 0;
const unmount = (): boolean => spawnSync('umount', ['-l', disk]).status === 0;
afterAll(() => folder.remove());

const possible = mount() && unmount();
const reason = possible ? '' : ' (skipped: a small disk can be mounted by root on Linux only)';

/** Leaves no room: in great pieces first, then in small ones. */
function fill(file: string): void {
  for (const size of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
  }
}

describe.skipIf(!possible)(`a disk that is full${reason}`, () => {
  it('takes the service out of the traffic until there is room, and reads go on', async () => {
    mount();
    onTestFinished(() => void unmount());
    const service = await start(folder.path, settings(folder.path, { DATABASE_URL: `sqlite:${join(disk, 'app.db')}` }));
    onTestFinished(() => void service.process.kill('SIGKILL'));
    const api = client(service.url);
    const user = await api.newUser();
    const register = () => api.call('POST', '/api/v1/users/', { body: { email: newEmail(), password, name: 'Ada' } });
    const filler = join(disk, 'filler');
    fill(filler);

    await expect.poll(async () => (await api.call('GET', '/readyz')).status).toBe(503);
    expect((await api.call('GET', '/readyz')).body).toMatchObject({
      status: 'fail',
      checks: { 'database:responseTime': [{ status: 'fail', output: 'database.full' }] },
    });
    const refused = await register();
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({ code: 'database.full' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await api.call('GET', '/livez')).toMatchObject({ status: 200 });
    expect(await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token })).toMatchObject({ status: 200 });

    rmSync(filler);
    expect(await register()).toMatchObject({ status: 201 });
    await expect.poll(async () => (await api.call('GET', '/readyz')).status).toBe(200);
    expect(await service.stop()).toBe(0);
  });
});
