import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Stops listening. */
export type Stop = () => void;

/** Listens on plain channels, by their names. */
export function listen(listeners: Readonly<Record<string, (message: unknown) => void>>): Stop {
  for (const [name, hear] of Object.entries(listeners)) subscribe(name, hear);
  return () => {
    for (const [name, hear] of Object.entries(listeners)) unsubscribe(name, hear);
  };
}
