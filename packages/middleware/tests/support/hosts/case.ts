import type { Case } from '@ent/internal';
import type { Features } from './host.ts';
import type { Tools } from './tools.ts';

export type HostCase = Case<Features, Tools>;
