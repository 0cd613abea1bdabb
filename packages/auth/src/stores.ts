export { memoryStores } from './stores/memory.ts';
