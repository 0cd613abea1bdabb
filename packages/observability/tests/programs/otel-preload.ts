// For `node --import`.
import { setUp } from './otel-setup.ts';

setUp();
