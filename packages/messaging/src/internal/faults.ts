/**
 * What goes wrong in a test, each as a chance from 0 to 1. The same seed goes wrong in the same
 * way, as far as the calls come in the same order.
 */
export interface Faults {
  readonly seed: number;
  /** The message is lost on the way to the broker, and the sender is told that it cannot know. */
  readonly loseSend?: number;
  /** The message is stored, and the sender is told that it cannot know. */
  readonly loseConfirm?: number;
  /** A group gets the message twice. */
  readonly duplicate?: number;
  /** The message overtakes the one before. */
  readonly reorder?: number;
  /** A settlement is lost, and the subscriber is told that it was taken. */
  readonly loseSettle?: number;
  /** The subscriber's connection breaks. */
  readonly disconnect?: number;
}

/** Throws the dice for each kind of fault. */
export type FaultDice = { readonly [K in Exclude<keyof Faults, 'seed'>]-?: () => boolean };

export function createFaults(faults?: Faults): FaultDice {
  const random = mulberry32(faults?.seed ?? 0);
  const chance = (kind: Exclude<keyof Faults, 'seed'>) => {
    const probability = faults?.[kind] ?? 0;
    return probability > 0 ? () => random() < probability : () => false;
  };
  return {
    loseSend: chance('loseSend'),
    loseConfirm: chance('loseConfirm'),
    duplicate: chance('duplicate'),
    reorder: chance('reorder'),
    loseSettle: chance('loseSettle'),
    disconnect: chance('disconnect'),
  };
}

/** Tommy Ettinger's mulberry32: small, seeded, and good enough to choose where a test hurts. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
