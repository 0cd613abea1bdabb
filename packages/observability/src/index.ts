export { type EndedOperation, type OperationListener, onOperation } from './operations.ts';
