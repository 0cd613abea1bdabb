export { channels, type CollectOperation } from './channels.ts';
export { observabilityErrors } from './errors.ts';
export { type EndedOperation, type OperationListener, onOperation } from './operations.ts';
