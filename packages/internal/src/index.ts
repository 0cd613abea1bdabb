export { operationChannel } from './channels.ts';
export { withDeadline } from './deadline.ts';
export { type Duration, toMilliseconds } from './duration.ts';
