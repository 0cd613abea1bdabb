export { addressKey } from './address.ts';
export { operationChannel } from './channels.ts';
export {
  type ContextFields,
  type ContextRecord,
  currentContext,
  currentContextRecord,
  runWithContext,
} from './context.ts';
export { withDeadline } from './deadline.ts';
export { type Duration, toMilliseconds } from './duration.ts';
export { gcra } from './gcra.ts';
export { jsonPointer } from './json-pointer.ts';
export { missingPackage } from './missing-package.ts';
