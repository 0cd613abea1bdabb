// With OpenTelemetry set up by what is loaded before.
import { serve } from './traced-service.ts';

void serve();
