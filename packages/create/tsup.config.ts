import { entConfig } from '../../scripts/tsup-base.ts';

export default entConfig(import.meta.dirname);
