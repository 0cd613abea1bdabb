import { Figures } from './figures.ts';
import { Hands } from './hands.ts';
import { Lines } from './lines.ts';
import type { SubscriptionSetup } from './setup.ts';
import { Unburied } from './unburied.ts';

/** What all that receives for one subscription has in common. */
export interface Common {
  readonly setup: SubscriptionSetup;
  readonly hands: Hands;
  /** Undefined where one message is handled at a time: that is in order by itself. */
  readonly lines: Lines | undefined;
  readonly figures: Figures;
  readonly unburied: Unburied;
}

export function commonOf(setup: SubscriptionSetup): Common {
  const hands = new Hands(setup.concurrency);
  const lines = setup.concurrency > 1 ? new Lines(hands) : undefined;
  return { setup, hands, lines, figures: new Figures(), unburied: new Unburied() };
}
