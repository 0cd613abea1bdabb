import { describe, expect, it } from 'vitest';
import { withDeadline } from '../src/index.ts';

const never = (): Promise<never> => new Promise(() => {});

describe('withDeadline', () => {
  it('gives what the work gives', async () => {
    await expect(
      withDeadline(
        async () => 7,
        10_000,
        () => new Error('late'),
      ),
    ).resolves.toBe(7);
  });

  it('rejects when the time is up and aborts the signal of the work', async () => {
    let seen: AbortSignal | undefined;
    const late = new Error('late');
    const call = withDeadline(
      (signal) => {
        seen = signal;
        return never();
      },
      5,
      () => late,
    );
    await expect(call).rejects.toBe(late);
    expect(seen?.reason).toBe(late);
  });

  it("rejects with the caller's reason when the caller aborts, before or during the work", async () => {
    const reason = new Error('gone');
    await expect(withDeadline(never, 10_000, () => new Error('late'), AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const call = withDeadline(never, 10_000, () => new Error('late'), controller.signal);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});
